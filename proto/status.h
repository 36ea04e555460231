// Status between plain code (absl::Status) and the wire (grpc::Status with google.rpc details). Details ride
// in an absl::Status as payloads keyed by type URL, so plain code needs no protobuf to pass them on.
#ifndef GROUTER_PROTO_STATUS_H_
#define GROUTER_PROTO_STATUS_H_

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace grouter {

// One wrong field of a request: its path ("spec.draft.ep_size") and what is wrong with it.
struct FieldViolation {
  std::string field;
  std::string problem;
};

// INVALID_ARGUMENT whose message lists the violations and whose details are a google.rpc.BadRequest.
absl::Status BadRequest(const std::vector<FieldViolation>& violations);

// `status` with a google.rpc.ErrorInfo; `reason` is an upper-case word ("DRAINING"), domain "grouter".
absl::Status WithReason(absl::Status status, const std::string& reason);
// The ErrorInfo's reason, or "".
std::string ReasonOf(const absl::Status& status);

// `status` with a google.rpc.RetryInfo.
absl::Status WithRetryDelay(absl::Status status, std::chrono::milliseconds delay);
// The RetryInfo's delay, or zero.
std::chrono::milliseconds RetryDelayOf(const absl::Status& status);

// Codes are numbered alike. Payloads become details (google.rpc.Status) and the other way round.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace grouter

#endif  // GROUTER_PROTO_STATUS_H_
