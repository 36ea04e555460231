// The one codec between wire messages and plain structs. Decoders check ranges and forms and report all
// problems at once as INVALID_ARGUMENT with google.rpc.BadRequest field violations; what a job's values mean
// together is JobDraft::Validate's business.
#ifndef GROUTER_PROTO_CODEC_H_
#define GROUTER_PROTO_CODEC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grouter/v1/job.pb.h"
#include "grouter/v1/placement.pb.h"
#include "grouter/v1/table.pb.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/topology.h"
#include "routing/table/routing_table.h"

namespace grouter {

v1::Topology ToWire(const Topology& topology);
v1::JobDraft ToWire(const JobDraft& draft);
v1::JobSpec ToWire(const JobSpec& spec);
v1::LayerPlacement ToWire(const LayerPlacement& placement);
// `end_step` 0: absent.
v1::PlacementEpoch ToWire(const PlacementEpoch& epoch, uint32_t index, uint64_t end_step);
v1::TableInfo ToWire(const RoutingTable& table);

// `path` is the message's own field path in violations ("spec").
absl::StatusOr<JobDraft> FromWire(const v1::JobDraft& wire, const std::string& path);
absl::StatusOr<JobSpec> FromWire(const v1::JobSpec& wire, const std::string& path);
absl::StatusOr<PlacementEpoch> FromWire(const v1::PlacementEpoch& wire);

// INVALID_ARGUMENT naming `field` unless 64 hexadecimal digits.
absl::StatusOr<Digest> DigestFromWire(const std::string& hex, const std::string& field);
// Hexadecimal, "" for an unknown (zero) digest.
std::string DigestToWire(const Digest& digest);

// INVALID_ARGUMENT naming the first field of `message`, at any depth, that this program's protos do not have.
absl::Status RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path);

}  // namespace grouter

#endif  // GROUTER_PROTO_CODEC_H_
