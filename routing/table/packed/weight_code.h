// Gate weights as planes of u16 values. Descending weights that sum to one are stored as the smallest, the
// steps up from each to the one before it, and how far the largest is from what the sum leaves for it.
//
// A weight's code is its 16 bits (of f32: the upper half; the lower half is stored as it is, or left out when
// all are zero or the sum says it), or its place among the table's levels where there are few (a table whose
// weights were rounded).
#ifndef GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_
#define GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "io/coding.h"
#include "routing/table/packed/plane_values.h"
#include "routing/table/routing_table.h"

namespace grouter {

constexpr uint32_t kMaxLevels16 = 1024;

// Token t with k_t weights uses planes k - k_t ... k - 1, slot j in plane j + k - k_t.
enum class WeightStep : uint8_t {
  kDirect = 0,      // the code
  kDifference = 1,  // code minus the code of the slot after
  // Plane 0, which only a token with all k uses: zigzag of code minus the code of total - the others (bf16);
  // of all 32 bits minus those of total - the others, which leaves no lower half to store (f32).
  kRest = 2,
};

// Immutable once learned or decoded; thread-safe.
class WeightCode {
 public:
  WeightCode() = default;
  void Encode(ByteWriter* out) const;
  // INVALID_ARGUMENT when damaged.
  static absl::StatusOr<WeightCode> Decode(WeightType type, uint32_t k, ByteReader* in);

  const PlaneTables& planes() const { return planes_; }
  // Whether the largest f32 weight has no lower half of its own: what version 1 of the code does not know.
  bool HasWholeRest() const { return low_halves_ && !steps_.empty() && steps_.front() == WeightStep::kRest; }
  // values[plane][token], appended. Planes that a token does not use get their cheapest value. REQUIRES: the
  // code was learned from records with this one among them.
  void Values(const RouteView& record, std::vector<uint16_t>* values) const;
  // The lower halves of f32 weights of the record that are stored, [token][slot]; with HasWholeRest() a token
  // has k - 1, and one with all k leaves its first out. Zeros where a token has fewer.
  std::string LowHalves(const RouteView& record) const;
  uint64_t LowHalfBytes(uint64_t num_tokens) const { return LowHalfStride() * num_tokens; }
  // Weights of `count` tokens from the planes' values and these tokens' LowHalves. num_topk[t] is k_t; null:
  // all k. `weights` points to the first token's weights and was zeroed.
  void Weights(const uint16_t* const* planes, uint32_t count, const uint8_t* num_topk,
               absl::string_view low_halves, char* weights) const;
  // Whether ReadWeights can: eight bf16 weights coded as they usually are.
  bool IsFast() const;
  // Weights of the reader's run of count tokens with all k. Nothing needs to be zeroed. REQUIRES: IsFast(),
  // count % 64 == 0.
  void ReadWeights(PlaneReader* reader, uint32_t count, LaneKernel kernel, char* weights) const;

 private:
  friend class WeightLearner;
  // Bytes of a token's lower halves.
  uint64_t LowHalfStride() const { return low_halves_ ? 2 * (k_ - (HasWholeRest() ? 1 : 0)) : 0; }
  uint16_t CodeAt(absl::string_view plane, size_t i) const;
  uint16_t BitsOf(uint16_t code) const {
    return levels_.empty() ? code : code < levels_.size() ? levels_[code] : 0;
  }
  uint16_t NearestCode(uint16_t bits) const;
  // Of a token with so many weights, the first whose lower half is stored.
  uint32_t FirstWithHalf(uint32_t used) const { return used == k_ && HasWholeRest() ? 1 : 0; }
  // Weights() of f32.
  void WholeWeights(const uint16_t* const* planes, uint32_t count, const uint8_t* num_topk,
                    absl::string_view low_halves, char* weights) const;
  // The code that is left for the first of k weights, from the codes of all.
  uint16_t Rest(const uint16_t* codes) const;
  // The same for all 32 bits, from the bits of all.
  uint32_t WholeRest(const uint32_t* bits) const;
  uint32_t WholeRest(absl::string_view weights, uint32_t token) const;

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
  void SeeSum(const RouteView& record, uint32_t token);
  bool MayBeRest() const {
    return code_.type_ == WeightType::kBFloat16 || (code_.type_ == WeightType::kFloat32 && all_near_);
  }

  WeightCode code_;
  // What each token's weights sum up to, rounded; and whether that is one value, and each first weight so
  // near to what the others leave of it that 16 bits say how far. Any order of tokens gives the same. f32
  // only.
  absl::optional<float> near_;
  bool all_near_ = true;
  std::vector<bool> seen_;
  __int128 sum_ = 0;  // of weights in 2^-24: whole numbers, so that their order does not matter
  uint64_t num_sums_ = 0;
  std::vector<std::vector<uint32_t>> histograms_;  // [plane x 3 + step][65536]
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_WEIGHT_CODE_H_
