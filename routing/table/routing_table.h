// A routing table: every token's expert ids and gate weights for every sample of a corpus, plus what a
// planner needs without reading tokens. This header is all a reader needs.
//
//   auto table = grouter::RoutingTable::Open("demo_out/table");
//   if (!table.ok()) { std::cerr << table.status() << "\n"; return 2; }
//   for (uint64_t s = 0; s < (*table)->num_samples(); ++s) {
//     auto routes = (*table)->Routes(s, /*layer_group=*/0);
//     ...
//   }
//
// Format: docs/table_format.md.
#ifndef GROUTER_ROUTING_TABLE_ROUTING_TABLE_H_
#define GROUTER_ROUTING_TABLE_ROUTING_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "data/sample_index.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// Stored with these values.
enum class WeightType : uint8_t { kNone = 0, kFloat32 = 1, kBFloat16 = 2, kFloat16 = 3 };
enum class Causality : uint8_t {
  kCausal = 0,
  kDocumentBidirectional = 1,
  kPackedBidirectional = 2,
  kCaptured = 3,
};
enum class TableTier : uint8_t { kPlain = 0, kPacked = 1 };
// What end-of-document and padding positions get: a route like any token, a missing route, or k_t = 0.
enum class PositionRule : uint8_t { kRouted = 0, kMissing = 1, kNoExperts = 2 };

// 0, 4, 2, 2.
inline uint32_t WeightBytes(WeightType type) {
  return type == WeightType::kNone ? 0 : type == WeightType::kFloat32 ? 4 : 2;
}

// What the routes mean. All of it but `id_width` is part of the content digest.
struct TableHeader {
  Digest tokenizer_digest;     // zero: unknown
  Digest router_digest;        // zero: unknown
  Digest sample_index_digest;  // never zero
  Digest parent_digest;        // of the table a lossy step was applied to; zero: none
  uint32_t num_experts = 0;    // E, 2..65536
  uint32_t k = 0;              // slots per token, 0..16; the largest k_t when per_token_k
  bool per_token_k = false;
  uint32_t num_layer_groups = 1;
  uint32_t id_width = 1;  // bytes of an id: 1 up to E = 256, else 2
  WeightType weight_type = WeightType::kNone;
  Causality causality = Causality::kCausal;
  bool allow_generation_capture = false;  // kCaptured whose import states autoregressive generation
  bool cross_document = false;            // context rule (design: one context rule)
  int64_t eod_token = -1;
  PositionRule eod_rule = PositionRule::kRouted;
  PositionRule padding_rule = PositionRule::kRouted;
  std::vector<DataSplit> splits;
};

// The routes of tokens [first_token, first_token + num_tokens) of one sample in one layer group. A view:
// nothing is owned; it lives as long as the table. Planes, each contiguous, tokens in order:
//   ids      num_tokens x k ids of id_width bytes, little-endian, in rank order (highest score first)
//   weights  num_tokens x k weights of weight_type, aligned with ids; empty when kNone
//   num_topk num_tokens x u8, k_t; empty unless per_token_k. Ids at and past k_t are 0 and mean nothing
//   missing  bitmap, bit (first_bit + t): 1 = the token's route is unknown; empty when none is missing
struct RouteView {
  uint32_t num_tokens = 0;
  uint32_t k = 0;
  uint32_t id_width = 1;
  WeightType weight_type = WeightType::kNone;
  absl::string_view ids;
  absl::string_view weights;
  absl::string_view num_topk;
  absl::string_view missing;
  uint32_t first_bit = 0;

  // REQUIRES: token < num_tokens, rank < k.
  uint32_t Id(uint32_t token, uint32_t rank) const {
    const size_t i = size_t{token} * k + rank;
    if (id_width == 1) return static_cast<uint8_t>(ids[i]);
    return static_cast<uint8_t>(ids[2 * i]) | uint32_t{static_cast<uint8_t>(ids[2 * i + 1])} << 8;
  }
  bool IsMissing(uint32_t token) const {
    const uint32_t bit = first_bit + token;
    return !missing.empty() && (static_cast<uint8_t>(missing[bit / 8]) >> (bit % 8) & 1) != 0;
  }
  // k_t; 0 for a missing route.
  uint32_t NumTopk(uint32_t token) const {
    if (IsMissing(token)) return 0;
    return num_topk.empty() ? k : static_cast<uint8_t>(num_topk[token]);
  }
  // Tokens [first, first + count) of this view. REQUIRES: within it.
  RouteView Slice(uint32_t first, uint32_t count) const;
};

// (expert, number of this sample's token selections), ascending by expert, counts > 0.
struct ExpertCount {
  uint32_t expert;
  uint32_t count;
};

// Pairs of experts active in the same token. `a` < `b`; `count` tokens. Sorted by (a, b).
struct CoactivationPair {
  uint32_t a;
  uint32_t b;
  uint64_t count;
};
struct LayerGroupStatistics {
  std::vector<uint64_t> load;           // [num_experts] token selections
  std::vector<CoactivationPair> pairs;  // all of them when `exact`, else the largest
  bool exact = true;
  uint64_t num_tokens = 0;
  uint64_t num_missing = 0;
};

// What the table knows of one sample without its tokens.
struct SampleFacts {
  uint32_t length = 0;
  uint32_t num_loss_tokens = 0;
  uint32_t domain = 0;
  uint32_t token_crc32c = 0;  // meaningful when token_crcs_known()
  uint32_t num_missing = 0;   // tokens with a missing route, over all layer groups
  uint32_t split = 0;         // index into header().splits
};

// Immutable and thread-safe; holds its shards' mappings, so views stay valid while the shared_ptr lives.
class RoutingTable {
 public:
  // Opens the manifest in folder `path` and maps its shards; reads headers only, so the time does not grow
  // with the table. NOT_FOUND, INVALID_ARGUMENT (not a table), DATA_LOSS (file and offset), UNIMPLEMENTED
  // (a newer major version).
  static absl::StatusOr<std::shared_ptr<const RoutingTable>> Open(const std::string& path,
                                                                  FileSystem& files = FileSystem::Local());
  virtual ~RoutingTable() = default;

  virtual const std::string& path() const = 0;
  virtual const TableHeader& header() const = 0;
  virtual TableTier tier() const = 0;
  virtual const Digest& content_digest() const = 0;  // names the table
  virtual bool token_crcs_known() const = 0;
  virtual const std::vector<std::string>& domains() const = 0;
  // "key: value" lines about how the table was made; not part of the digest.
  virtual const std::vector<std::string>& provenance() const {
    static const auto* const none = new std::vector<std::string>;
    return *none;
  }
  virtual uint64_t num_samples() const = 0;
  virtual uint64_t num_tokens() const = 0;
  virtual uint64_t stored_bytes() const = 0;

  // REQUIRES: sample < num_samples().
  virtual SampleFacts facts(uint64_t sample) const = 0;
  // OUT_OF_RANGE for a sample or layer group past the end, FAILED_PRECONDITION for a packed table.
  virtual absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t layer_group) const = 0;
  // As Routes, and checks the stored CRC32C of every block it touches first: DATA_LOSS.
  virtual absl::StatusOr<RouteView> CheckedRoutes(uint64_t sample, uint32_t layer_group) const = 0;
  // Appends to *counts after clearing it.
  virtual absl::Status ExpertCounts(uint64_t sample, uint32_t layer_group,
                                    std::vector<ExpertCount>* counts) const = 0;
  // Summed over the shards; `split` restricts nothing: statistics are of the whole table.
  virtual absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t layer_group) const = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_ROUTING_TABLE_H_
