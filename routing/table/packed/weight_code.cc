#include "routing/table/packed/weight_code.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "io/error.h"
#include "routing/table/packed/assembly_kernels.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

constexpr uint32_t kMaxSlots = 16;

float FloatOf(uint16_t bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

// To nearest, ties to even; 0 for what is not finite (damaged bytes), as the vector kernel does it.
uint16_t RoundedBits(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  const uint16_t bits = static_cast<uint16_t>((word + 0x7fff + (word >> 16 & 1)) >> 16);
  return (bits & 0x7f80) == 0x7f80 ? 0 : bits;
}

uint16_t Zigzag(uint16_t difference) {
  return static_cast<uint16_t>(difference << 1 ^ (difference & 0x8000 ? 0xffff : 0));
}
uint16_t Unzigzag(uint16_t value) { return static_cast<uint16_t>(value >> 1 ^ (value & 1 ? 0xffff : 0)); }

uint32_t BitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

uint32_t BitsAt(absl::string_view f32, size_t i) {
  uint32_t bits;
  std::memcpy(&bits, f32.data() + 4 * i, 4);
  return bits;
}

// The bits of total - the others, summed from the last to the second; 0 where that is not finite.
uint32_t BitsOfRest(float total, const uint32_t* bits, uint32_t k) {
  float sum = 0;
  for (uint32_t j = k; j-- > 1;) {
    float weight;
    std::memcpy(&weight, &bits[j], 4);
    sum = j + 1 == k ? weight : sum + weight;
  }
  const uint32_t rest = BitsOfFloat(total - sum);
  return (rest & 0x7f800000) == 0x7f800000 ? 0 : rest;
}

bool FitsIn16(uint32_t difference) { return difference + 0x8000 <= 0xffff; }

float Rounded64(double value) { return static_cast<float>(std::round(64 * value) / 64); }

constexpr double kUnits = 1 << 24;

int64_t InUnits(float weight) {
  constexpr float kMost = 1e11f;  // means that large are not used
  return weight > -kMost && weight < kMost ? static_cast<int64_t>(std::nearbyint(weight * kUnits)) : 0;
}

uint16_t CheapestValue(const PlaneCode& code) {
  const uint32_t coded = code.num_symbols - (code.has_escape ? 1 : 0);
  const auto* best = std::max_element(code.frequency.begin(), code.frequency.begin() + std::max(1u, coded));
  return static_cast<uint16_t>(code.base + ((best - code.frequency.begin()) << code.low_bits));
}

}  // namespace

void WeightCode::Encode(ByteWriter* out) const {
  out->Put<uint8_t>(low_halves_);
  out->Put<float>(total_);
  out->PutArray<uint16_t>(levels_);
  for (uint32_t p = 0; p < k_; ++p) {
    out->Put<uint8_t>(static_cast<uint8_t>(steps_[p]));
    EncodePlaneCode(planes_.codes[p], out);
  }
}

absl::StatusOr<WeightCode> WeightCode::Decode(WeightType type, uint32_t k, ByteReader* in) {
  WeightCode code;
  code.type_ = type;
  code.k_ = k;
  const uint8_t low_halves = in->Get<uint8_t>();
  code.low_halves_ = low_halves == 1;
  code.total_ = in->Get<float>();
  code.levels_ = in->GetArray<uint16_t>();
  std::vector<PlaneCode> planes;
  bool good = low_halves <= (type == WeightType::kFloat32 ? 1 : 0) && code.levels_.size() <= kMaxLevels16 &&
              std::is_sorted(code.levels_.begin(), code.levels_.end());
  for (uint32_t p = 0; p < k && in->ok(); ++p) {
    const uint8_t step = in->Get<uint8_t>();
    const bool may_be_rest = p == 0 && (type == WeightType::kBFloat16 || low_halves == 1);
    good = good && (step <= (p + 1 < k ? 1 : 0) || (may_be_rest && step == 2));
    code.steps_.push_back(static_cast<WeightStep>(step));
    GROUTER_ASSIGN_OR_RETURN(PlaneCode plane, DecodePlaneCode(in));
    planes.push_back(plane);
  }
  if (!in->ok() || !good) {
    return Error(absl::StatusCode::kInvalidArgument, "the code of the weights is damaged", "", "");
  }
  code.planes_ = PlaneTables(std::move(planes));
  return code;
}

uint16_t WeightCode::CodeAt(absl::string_view plane, size_t i) const {
  uint16_t bits;
  if (type_ == WeightType::kFloat32) {
    std::memcpy(&bits, plane.data() + 4 * i + 2, 2);
  } else {
    std::memcpy(&bits, plane.data() + 2 * i, 2);
  }
  if (levels_.empty()) return bits;
  return static_cast<uint16_t>(std::lower_bound(levels_.begin(), levels_.end(), bits) - levels_.begin());
}

uint16_t WeightCode::NearestCode(uint16_t bits) const {
  if (levels_.empty()) return bits;
  const size_t i = std::lower_bound(levels_.begin(), levels_.end(), bits) - levels_.begin();
  if (i == 0) return 0;
  if (i == levels_.size() || levels_[i] - bits > bits - levels_[i - 1]) return static_cast<uint16_t>(i - 1);
  return static_cast<uint16_t>(i);
}

uint16_t WeightCode::Rest(const uint16_t* codes) const {
  float sum = 0;
  for (uint32_t j = k_; j-- > 1;)
    sum = j + 1 == k_ ? FloatOf(BitsOf(codes[j])) : sum + FloatOf(BitsOf(codes[j]));
  return NearestCode(RoundedBits(total_ - sum));
}

uint32_t WeightCode::WholeRest(const uint32_t* bits) const { return BitsOfRest(total_, bits, k_); }

uint32_t WeightCode::WholeRest(absl::string_view weights, uint32_t token) const {
  std::array<uint32_t, kMaxSlots> bits;
  for (uint32_t j = 0; j < k_; ++j) bits[j] = BitsAt(weights, size_t{token} * k_ + j);
  return WholeRest(bits.data());
}

void WeightCode::Values(const RouteView& record, std::vector<uint16_t>* values) const {
  const size_t begin = values->size();
  const uint64_t tokens = record.num_tokens;
  values->resize(begin + k_ * tokens);
  uint16_t* planes = values->data() + begin;
  std::array<uint16_t, kMaxSlots> codes = {};
  std::array<uint16_t, kMaxSlots> cheapest = {};
  for (uint32_t p = 0; p < planes_.codes.size(); ++p) cheapest[p] = CheapestValue(planes_.codes[p]);
  for (uint32_t t = 0; t < tokens; ++t) {
    const uint32_t used = record.NumTopk(t);
    for (uint32_t j = 0; j < used; ++j) codes[j] = CodeAt(record.weights, size_t{t} * k_ + j);
    for (uint32_t p = 0; p < k_; ++p) {
      uint16_t value = cheapest[p];
      if (p + used >= k_) {
        const uint32_t j = p + used - k_;
        value = codes[j];
        if (steps_[p] == WeightStep::kDifference) value = static_cast<uint16_t>(codes[j] - codes[j + 1]);
        if (steps_[p] == WeightStep::kRest && type_ == WeightType::kFloat32) {
          const uint32_t difference = BitsAt(record.weights, size_t{t} * k_) - WholeRest(record.weights, t);
          GROUTER_CHECK(FitsIn16(difference));
          value = Zigzag(static_cast<uint16_t>(difference));
        } else if (steps_[p] == WeightStep::kRest) {
          value = Zigzag(static_cast<uint16_t>(codes[0] - Rest(codes.data())));
        }
      }
      planes[p * tokens + t] = value;
    }
  }
}

std::string WeightCode::LowHalves(const RouteView& record) const {
  if (!low_halves_) return std::string();
  const uint64_t stride = LowHalfStride();
  std::string halves(stride * record.num_tokens, 0);
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    const uint32_t used = record.NumTopk(t), first = FirstWithHalf(used);
    for (uint32_t j = first; j < used; ++j) {
      std::memcpy(&halves[stride * t + 2 * (j - first)], record.weights.data() + 4 * (size_t{t} * k_ + j), 2);
    }
  }
  return halves;
}

bool WeightCode::IsFast() const {
  if (k_ != 8 || type_ != WeightType::kBFloat16 || !levels_.empty()) return false;
  for (uint32_t p = 0; p < 8; ++p) {
    const WeightStep fast = p == 0   ? WeightStep::kRest
                            : p == 7 ? WeightStep::kDirect
                                     : WeightStep::kDifference;
    if (steps_[p] != fast) return false;
  }
  return true;
}

void WeightCode::ReadWeights(PlaneReader* reader, uint32_t count, LaneKernel kernel, char* weights) const {
  const EightPlanes planes = reader->AllEight();
  PutWeights8(kernel, planes, total_, count, reinterpret_cast<uint16_t*>(weights));
  // The few tokens with a listed value are made again, one by one.
  const absl::Span<ListedValue> listed = reader->SkipRun();
  std::sort(listed.begin(), listed.end(),
            [](const ListedValue& a, const ListedValue& b) { return a.token < b.token; });
  for (size_t i = 0; i < listed.size();) {
    const uint32_t token = listed[i].token;
    uint16_t values[8];
    const uint16_t* plane_of[8];
    for (uint32_t p = 0; p < 8; ++p) {
      values[p] = planes.codes[p].ValueAt(planes.symbols[p], planes.low[p], token);
      plane_of[p] = &values[p];
    }
    for (; i < listed.size() && listed[i].token == token; ++i) values[listed[i].plane] = listed[i].value;
    Weights(plane_of, 1, nullptr, absl::string_view(), weights + size_t{16} * token);
  }
}

void WeightCode::Weights(const uint16_t* const* planes, uint32_t count, const uint8_t* num_topk,
                         absl::string_view low_halves, char* weights) const {
  if (type_ == WeightType::kFloat32) return WholeWeights(planes, count, num_topk, low_halves, weights);
  std::array<uint16_t, kMaxSlots> codes = {};
  for (uint32_t t = 0; t < count; ++t) {
    const uint32_t used = num_topk == nullptr ? k_ : num_topk[t];
    for (uint32_t j = used; j-- > 0;) {
      const uint32_t p = j + k_ - used;
      codes[j] = planes[p][t];
      if (steps_[p] == WeightStep::kDifference) codes[j] = static_cast<uint16_t>(codes[j] + codes[j + 1]);
      if (steps_[p] == WeightStep::kRest)
        codes[j] = static_cast<uint16_t>(Rest(codes.data()) + Unzigzag(planes[p][t]));
      const uint16_t bits = BitsOf(codes[j]);
      std::memcpy(weights + 2 * (size_t{t} * k_ + j), &bits, 2);
    }
  }
}

void WeightCode::WholeWeights(const uint16_t* const* planes, uint32_t count, const uint8_t* num_topk,
                              absl::string_view low_halves, char* weights) const {
  const uint64_t stride = LowHalfStride();
  std::array<uint32_t, kMaxSlots> bits = {};
  for (uint32_t t = 0; t < count; ++t) {
    const uint32_t used = num_topk == nullptr ? k_ : num_topk[t], first = FirstWithHalf(used);
    uint16_t after = 0;  // the code of the slot after
    for (uint32_t j = used; j-- > first;) {
      const uint32_t p = j + k_ - used;
      after = static_cast<uint16_t>(planes[p][t] + (steps_[p] == WeightStep::kDifference ? after : 0));
      uint16_t half = 0;
      if (stride > 0) std::memcpy(&half, low_halves.data() + stride * t + 2 * (j - first), 2);
      bits[j] = uint32_t{BitsOf(after)} << 16 | half;
    }
    if (first == 1) bits[0] = WholeRest(bits.data()) + static_cast<int16_t>(Unzigzag(planes[0][t]));
    for (uint32_t j = 0; j < used; ++j) std::memcpy(weights + 4 * (size_t{t} * k_ + j), &bits[j], 4);
  }
}

WeightLearner::WeightLearner(WeightType type, uint32_t k) : seen_(65536) {
  code_.type_ = type;
  code_.k_ = k;
  code_.steps_.assign(k, WeightStep::kDirect);
}

void WeightLearner::See(const RouteView& record) {
  if (code_.type_ == WeightType::kNone) return;
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    const uint32_t used = record.NumTopk(t);
    for (uint32_t j = 0; j < used; ++j) {
      const size_t i = size_t{t} * code_.k_ + j;
      seen_[code_.CodeAt(record.weights, i)] = true;
      if (code_.type_ != WeightType::kFloat32) continue;
      code_.low_halves_ = code_.low_halves_ || record.weights[4 * i] != 0 || record.weights[4 * i + 1] != 0;
    }
    if (code_.type_ == WeightType::kFloat32 && used == code_.k_ && used > 0) SeeSum(record, t);
    if (used != code_.k_ || used == 0 || t % 16 != 0) continue;
    for (uint32_t j = 0; j < used; ++j)
      sum_ += InUnits(WeightAt(record.weights, code_.type_, size_t{t} * used + j));
    ++num_sums_;
  }
}

void WeightLearner::SeeSum(const RouteView& record, uint32_t t) {
  if (!all_near_) return;
  double sum = 0;
  std::array<uint32_t, kMaxSlots> bits;
  for (uint32_t j = 0; j < code_.k_; ++j) {
    sum += WeightAt(record.weights, code_.type_, size_t{t} * code_.k_ + j);
    bits[j] = BitsAt(record.weights, size_t{t} * code_.k_ + j);
  }
  const float near = std::abs(sum) < 1e6 ? Rounded64(sum) : 0;
  if (!near_) near_ = near;
  all_near_ = near == *near_ && FitsIn16(bits[0] - BitsOfRest(near, bits.data(), code_.k_));
}

void WeightLearner::EndSeeing() {
  std::vector<uint16_t> levels;
  for (uint32_t v = 0; v < 65536; ++v) {
    if (seen_[v]) levels.push_back(static_cast<uint16_t>(v));
  }
  // Differences of places are smaller than differences of bits only where most values between are not used.
  const bool sparse = !levels.empty() && 3 * levels.size() < uint32_t{levels.back()} - levels.front();
  if (sparse && levels.size() <= kMaxLevels16) code_.levels_ = std::move(levels);
  if (num_sums_ > 0) {
    const double mean = static_cast<double>(sum_) / kUnits / static_cast<double>(num_sums_);
    if (std::abs(mean) < 1e6) code_.total_ = Rounded64(mean);
  }
  all_near_ = all_near_ && code_.low_halves_ && near_ == code_.total_;
  histograms_.assign(3 * size_t{code_.k_}, std::vector<uint32_t>(65536));
}

void WeightLearner::Add(const RouteView& record) {
  const uint32_t k = code_.k_;
  std::array<uint16_t, kMaxSlots> codes = {};
  for (uint32_t t = 0; t < record.num_tokens && code_.type_ != WeightType::kNone; ++t) {
    const uint32_t used = record.NumTopk(t);
    for (uint32_t j = 0; j < used; ++j) codes[j] = code_.CodeAt(record.weights, size_t{t} * k + j);
    for (uint32_t j = 0; j < used; ++j) {
      const uint32_t p = j + k - used;
      ++histograms_[3 * p][codes[j]];
      if (j + 1 < used) ++histograms_[3 * p + 1][static_cast<uint16_t>(codes[j] - codes[j + 1])];
    }
    if (used != k || k == 0 || !MayBeRest()) continue;
    const uint32_t difference = code_.type_ == WeightType::kFloat32 ? BitsAt(record.weights, size_t{t} * k) -
                                                                          code_.WholeRest(record.weights, t)
                                                                    : codes[0] - code_.Rest(codes.data());
    ++histograms_[2][Zigzag(static_cast<uint16_t>(difference))];
  }
}

void WeightLearner::Merge(const WeightLearner& other) {
  for (size_t v = 0; v < seen_.size(); ++v) seen_[v] = seen_[v] || other.seen_[v];
  code_.low_halves_ = code_.low_halves_ || other.code_.low_halves_;
  if (histograms_.empty()) {
    sum_ += other.sum_;
    num_sums_ += other.num_sums_;
    all_near_ = all_near_ && other.all_near_ && (!near_ || !other.near_ || *near_ == *other.near_);
    if (!near_) near_ = other.near_;
  }
  for (size_t p = 0; p < histograms_.size(); ++p) {
    for (size_t v = 0; v < histograms_[p].size(); ++v) histograms_[p][v] += other.histograms_[p][v];
  }
}

WeightCode WeightLearner::Finish() {
  std::vector<PlaneCode> planes;
  for (uint32_t p = 0; p < code_.k_ && code_.type_ != WeightType::kNone; ++p) {
    PlaneCode best;
    double fewest = 0;
    const uint32_t steps = p == 0 && MayBeRest() ? 3 : p + 1 < code_.k_ ? 2 : 1;
    for (uint32_t step = 0; step < steps; ++step) {
      if (step == 1 && p + 1 == code_.k_) continue;
      const std::vector<uint32_t>& histogram = histograms_[3 * p + step];
      const PlaneCode plane = FitPlaneCode(histogram, 0);
      double bits = PlaneCodeBits(plane, histogram);
      // The other steps need a lower half too.
      if (p == 0 && step < 2 && code_.low_halves_)
        bits += 16.0 * std::accumulate(histogram.begin(), histogram.end(), uint64_t{0});
      if (step > 0 && bits >= fewest) continue;
      fewest = bits;
      best = plane;
      code_.steps_[p] = static_cast<WeightStep>(step);
    }
    planes.push_back(best);
  }
  code_.planes_ = PlaneTables(std::move(planes));
  return std::move(code_);
}

}  // namespace grouter
