// Gate weights as planes of u16 values. Descending weights that sum to one are stored as the smallest, the
// steps up from each to the one before it, and how far the largest is from what the sum leaves for it.
//
// A weight's code is its 16 bits (of f32: the upper half; the lower half is stored as it is, or left out when
// all are zero), or its place among the table's levels where there are few (a table whose weights were
// rounded).
#ifndef GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_
#define GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/coding.h"
#include "routing/table/packed/plane_values.h"
#include "routing/table/routing_table.h"

namespace grouter {

constexpr uint32_t kMaxLevels16 = 1024;

// Token t with k_t weights uses planes k - k_t ... k - 1, slot j in plane j + k - k_t.
enum class WeightStep : uint8_t {
  kDirect = 0,      // the code
  kDifference = 1,  // code minus the code of the slot after
  kRest = 2,        // plane 0 of a bf16 token with all k: zigzag of code minus the code of total - the others
};

// Immutable once learned or decoded; thread-safe.
class WeightCode {
 public:
  WeightCode() = default;
  void Encode(ByteWriter* out) const;
  // INVALID_ARGUMENT when damaged.
  static absl::StatusOr<WeightCode> Decode(WeightType type, uint32_t k, ByteReader* in);

  const PlaneTables& planes() const { return planes_; }
  // values[plane][token], appended. Planes that a token does not use get their cheapest value.
  void Values(const RouteView& record, std::vector<uint16_t>* values) const;
  // The lower halves of f32 weights of the record; empty unless they are stored.
  std::string LowHalves(const RouteView& record) const;
  uint64_t LowHalfBytes(uint64_t num_tokens) const;
  // Weights of `count` tokens from the planes' values. num_topk[t] is k_t; null: all k. `weights` points to
  // the first token's weights and was zeroed; lower halves are filled in by PutLowHalves.
  void Weights(const uint16_t* const* planes, uint32_t count, const uint8_t* num_topk, char* weights) const;
  // Whether ReadWeights can: eight bf16 weights coded as they usually are.
  bool IsFast() const;
  // Weights of the reader's run of count tokens with all k. Nothing needs to be zeroed. REQUIRES: IsFast(),
  // count % 64 == 0.
  void ReadWeights(PlaneReader* reader, uint32_t count, LaneKernel kernel, char* weights) const;
  void PutLowHalves(absl::string_view halves, char* weights) const;

 private:
  friend class WeightLearner;
  uint16_t CodeAt(absl::string_view plane, size_t i) const;
  uint16_t BitsOf(uint16_t code) const {
    return levels_.empty() ? code : code < levels_.size() ? levels_[code] : 0;
  }
  uint16_t NearestCode(uint16_t bits) const;
  // The code that is left for the first of k weights, from the codes of all.
  uint16_t Rest(const uint16_t* codes) const;

  WeightType type_ = WeightType::kNone;
  uint32_t k_ = 0;
  bool low_halves_ = false;
  float total_ = 1;
  std::vector<uint16_t> levels_;   // ascending
  std::vector<WeightStep> steps_;  // [k]
  PlaneTables planes_;
};

// Looks at all weights of a table once (levels, lower halves, sum), then at some or all of them again
// (planes). One thread at a time.
class WeightLearner {
 public:
  WeightLearner(WeightType type, uint32_t k);
  void See(const RouteView& record);
  void EndSeeing();
  void Add(const RouteView& record);
  // What `other` saw or added, too; the same from any order of merging. `other` is a copy of this one from
  // before either saw (or added) anything.
  void Merge(const WeightLearner& other);
  WeightCode Finish();

 private:
  WeightCode code_;
  std::vector<bool> seen_;
  __int128 sum_ = 0;  // of weights in 2^-24: whole numbers, so that their order does not matter
  uint64_t num_sums_ = 0;
  std::vector<std::vector<uint32_t>> histograms_;  // [plane x 3 + step][65536]
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_
