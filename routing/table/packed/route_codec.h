// The packed tier's code: what a packed shard's codec section says, and records through it. Two codes of ids:
// places in the token's expert list (decodes only beside the tokens; without tokens, in the common list), or
// the pair code. The bytes are in docs/table_format.md.
#ifndef GROUTER_ROUTING_TABLE_PACKED_ROUTE_CODEC_H_
#define GROUTER_ROUTING_TABLE_PACKED_ROUTE_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/digest.h"
#include "routing/table/packed/expert_lists.h"
#include "routing/table/packed/pair_code.h"
#include "routing/table/packed/plane_values.h"
#include "routing/table/packed/weight_code.h"
#include "routing/table/routing_table.h"

namespace grouter {

// The code of one layer group.
struct GroupCode {
  bool ids_by_pairs = false;
  PairModel pairs;             // when ids_by_pairs
  ExpertLists lists;           // otherwise
  std::vector<uint8_t> order;  // empty, or with sample classes: place -> position in the list sorted by class
  PlaneTables planes;          // places of the k slots unless ids_by_pairs; then num_topk, when per token
  WeightCode weights;          // unless kNone
};

// With sample classes, a record sorts the experts into four classes by how much its tokens prefer them, and a
// token's list is sorted by class first. Sizes: about 5/32, 11/32, 11/32, 5/32 of the experts.
constexpr uint32_t kNumSampleClasses = 4;
void SampleClassSizes(uint32_t num_experts, uint32_t sizes[kNumSampleClasses]);
// Classes by how much more often the record chose each expert than the table did (`share`, [num_experts], >
// 0).
std::vector<uint8_t> SampleClasses(const RouteView& record, absl::Span<const double> share);
// sorted = list's experts by class, in the list's order in each. REQUIRES: classes has the right sizes.
void SortByClass(const uint8_t* list, absl::Span<const uint8_t> classes, uint8_t* sorted);

constexpr uint64_t kMaxTokensPerByte = 64;  // a payload that would be shorter is filled up with zeros

class RouteDecoder;

// Immutable, thread-safe.
class RouteCodec {
 public:
  // Codes of all layer groups. `dataset_digest` names the token file, zero when no tokens are needed.
  RouteCodec(TableHeader header, const Digest& dataset_digest, std::vector<GroupCode> groups);
  // The codec section. INVALID_ARGUMENT when damaged, UNIMPLEMENTED for a newer code.
  static absl::StatusOr<std::shared_ptr<const RouteCodec>> Decode(const TableHeader& header,
                                                                  absl::string_view section);
  std::string Encode() const;

  const TableHeader& header() const { return header_; }
  const Digest& dataset_digest() const { return dataset_digest_; }
  bool needs_tokens() const { return !dataset_digest_.IsZero(); }
  const GroupCode& group(uint32_t layer_group) const { return groups_[layer_group]; }

  // One record's payload, a multiple of 8 bytes. `tokens` are the sample's when needs_tokens(), else empty.
  // INVALID_ARGUMENT when the routes are not valid.
  absl::StatusOr<std::string> EncodeRecord(uint32_t layer_group, absl::Span<const uint32_t> tokens,
                                           const RouteView& record) const;
  // What EncodeRecord codes: planes of places (and num_topk), values[plane][token].
  void IdValues(uint32_t layer_group, absl::Span<const uint32_t> tokens, const RouteView& record,
                absl::Span<const uint8_t> classes, std::vector<uint16_t>* values) const;

 private:
  friend class RouteDecoder;
  TableHeader header_;
  Digest dataset_digest_;
  std::vector<GroupCode> groups_;
};

// The parts of a record's payload; views into it.
struct RecordParts {
  absl::string_view payload;
  absl::string_view classes, missing, pairs, ids, weights, ids_low, weights_low, ids_listed, weights_listed,
      halves;

  // DATA_LOSS when they do not fit.
  static absl::StatusOr<RecordParts> Read(const RouteCodec& codec, uint32_t layer_group, uint64_t num_tokens,
                                          bool has_missing, absl::string_view payload);
  // Readers of the planes of a record of this layer group.
  PlaneReader Ids(const GroupCode& group, uint64_t num_tokens) const {
    return PlaneReader(group.planes, ids, payload, ids_low, ids_listed, num_tokens);
  }
  PlaneReader Weights(const GroupCode& group, uint64_t num_tokens) const {
    return PlaneReader(group.weights.planes(), weights, payload, weights_low, weights_listed, num_tokens);
  }
};

// Decodes records of one codec. Holds scratch memory; one thread at a time.
class RouteDecoder {
 public:
  explicit RouteDecoder(std::shared_ptr<const RouteCodec> codec, LaneKernel kernel = BestLaneKernel());
  // Whether a record of so many tokens can have so few bytes; ask before making room for one from outside.
  static bool IsPlausible(uint64_t num_tokens, uint64_t payload_bytes);
  // Writes a plain record's planes to `record`, LayoutRecord(header, num_tokens, has_missing).payload_bytes
  // of it, gaps zero. REQUIRES: tokens.size() == num_tokens when the codec needs tokens. DATA_LOSS when the
  // payload does not decode; reads nothing outside it and `record` then holds anything.
  absl::Status Decode(uint32_t layer_group, absl::Span<const uint32_t> tokens, uint32_t num_tokens,
                      bool has_missing, absl::string_view payload, char* record);

 private:
  void PutIds(const GroupCode& group, const uint32_t* list_of, uint32_t begin, uint32_t count,
              const uint8_t* num_topk, absl::string_view classes, char* ids);
  const uint8_t* SortedList(const GroupCode& group, uint32_t list, absl::string_view classes);

  const std::shared_ptr<const RouteCodec> codec_;
  const LaneKernel kernel_;
  std::vector<uint16_t> values_;      // [plane][kRunTokens]
  std::vector<uint32_t> list_of_;     // of a run
  std::vector<uint8_t> sorted_;       // with sample classes: lists sorted for this record
  std::vector<uint32_t> sorted_for_;  // [list]: the record it was sorted for
  uint32_t record_number_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_ROUTE_CODEC_H_
