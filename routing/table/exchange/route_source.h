// Routes that come from outside, sample by sample: what ImportTable reads, one implementation per format.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_ROUTE_SOURCE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_ROUTE_SOURCE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "routing/table/route_buffer.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct RouteSourceShape {
  uint32_t num_layer_groups = 1;
  uint32_t k = 0;
  WeightType weight_type = WeightType::kNone;  // as the source has them
  std::vector<uint32_t> lengths;               // tokens of each sample
};

// What our own exports write into the slots past k_t, so that k_t = 0 is not taken for a missing route (-1).
constexpr int32_t kUnusedSlot = -2;
constexpr int32_t kMissingRoute = -1;

// How a token without k ids is written. All k ids marked: the route is missing; some: k_t is smaller, which
// needs per_token_k.
struct MissingMarkers {
  bool negative = true;    // any id below 0
  int64_t value = -1;      // e.g. 255; below 0: none
  bool all_equal = false;  // k > 1 equal ids (a default fill): the route is missing
};

// Ids, bytes or sequences done and in all.
using ScanProgress = std::function<void(uint64_t done, uint64_t total)>;

// One thread at a time.
class RouteSource {
 public:
  virtual ~RouteSource() = default;
  virtual const RouteSourceShape& shape() const = 0;
  // The largest id of any route; reads everything, telling `progress` (may be empty). -1: none.
  virtual absl::StatusOr<int64_t> LargestId(const ScanProgress& progress) = 0;
  // Fills *groups, one buffer per layer group, already reset to the sample's length. INVALID_ARGUMENT naming
  // the token; the caller names the sample.
  virtual absl::Status Read(uint64_t sample, std::vector<RouteBuffer>* groups) = 0;
  // Lines for the table's provenance: what was assumed.
  virtual std::vector<std::string> assumptions() const { return {}; }
};

// Collects one token's ids: markers, order and k_t, the same for every format.
class TokenIds {
 public:
  TokenIds(const MissingMarkers& markers, uint32_t num_experts, bool per_token_k)
      : markers_(markers), num_experts_(num_experts), per_token_k_(per_token_k) {}

  // Writes token `token` from ids[0..k). INVALID_ARGUMENT when an id is out of range, or only some are
  // marked and the table has no per-token k.
  absl::Status Put(const int64_t* ids, uint32_t k, uint32_t token, RouteBuffer* out) const;
  bool IsMarked(int64_t id) const {
    return (markers_.negative && id < 0) || (markers_.value >= 0 && id == markers_.value);
  }

 private:
  const MissingMarkers markers_;
  const uint32_t num_experts_;
  const bool per_token_k_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_ROUTE_SOURCE_H_
