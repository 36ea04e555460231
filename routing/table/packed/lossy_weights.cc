#include "routing/table/packed/lossy_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "io/error.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

float ValueOf(WeightType type, uint16_t bits) {
  return type == WeightType::kFloat16 ? Float16ToFloat(bits) : BFloat16ToFloat(bits);
}

}  // namespace

WeightRounding::WeightRounding(WeightType type, double max_relative_error)
    : type_(type), max_error_(max_relative_error) {
  GROUTER_CHECK(type != WeightType::kNone && max_relative_error > 0 && max_relative_error < 0.5);
  // Positive 16-bit floats ascend with their bits. A level covers [level / (1 + e), level / (1 - e)]; the
  // next is the largest that leaves no hole: between any two numbers for f32, between two of the type else.
  const uint16_t end = type == WeightType::kFloat16 ? 0x7c00 : 0x7f80;
  const uint16_t first = type == WeightType::kFloat16 ? 0x0400 : 0x0080;  // the smallest normal number
  for (uint16_t bits = first; bits < end;) {
    const double lowest = type == WeightType::kFloat32 && !levels_.empty() ? levels_.back() / (1 - max_error_)
                                                                           : ValueOf(type, bits);
    while (bits + 1 < end && ValueOf(type, bits + 1) <= lowest * (1 + max_error_)) ++bits;
    const double level = ValueOf(type, bits);
    levels_.push_back(static_cast<float>(level));
    do {
      ++bits;
    } while (type != WeightType::kFloat32 && bits < end && ValueOf(type, bits) <= level / (1 - max_error_));
  }
  if (type == WeightType::kFloat32) return;
  rounded_.resize(65536);
  for (uint32_t v = 0; v < 65536; ++v) {
    const float weight = ValueOf(type, static_cast<uint16_t>(v));
    if (weight == 0 || !std::isfinite(weight)) {
      rounded_[v] = static_cast<uint16_t>(v);
      continue;
    }
    const float result = RoundOne(weight);
    rounded_[v] = type == WeightType::kFloat16 ? FloatToFloat16(result) : FloatToBFloat16(result);
  }
}

float WeightRounding::RoundOne(float weight) const {
  const float size = std::abs(weight);
  const auto above = std::lower_bound(levels_.begin(), levels_.end(), size);
  float best = size;
  double least = std::numeric_limits<double>::infinity();
  for (auto level = above == levels_.begin() ? above : above - 1; level != levels_.end() && level <= above;
       ++level) {
    const double error = std::abs(double{*level} - double{size});
    if (error <= max_error_ * size && error < least) {
      least = error;
      best = *level;
    }
  }
  return std::copysign(best, weight);
}

float WeightRounding::Nearest(float size) const {
  const auto above = std::lower_bound(levels_.begin(), levels_.end(), size);
  if (above == levels_.begin()) return levels_.front();
  if (above == levels_.end()) return levels_.back();
  return *above - size < size - *(above - 1) ? *above : *(above - 1);
}

std::string WeightRounding::Round(const RouteView& record) const {
  std::string out;
  out.reserve(record.weights.size());
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    const size_t first = size_t{t} * record.k;
    const uint32_t used = record.NumTopk(t);
    double sum = 0, others = 0;
    for (uint32_t j = 0; j < record.k; ++j) {
      const float weight = WeightAt(record.weights, type_, first + j);
      float rounded = weight;
      if (!rounded_.empty()) {
        uint16_t bits;
        std::memcpy(&bits, record.weights.data() + 2 * (first + j), 2);
        out.append(reinterpret_cast<const char*>(&rounded_[bits]), 2);
        rounded = ValueOf(type_, rounded_[bits]);
      } else {
        if (weight != 0) rounded = RoundOne(weight);
        AppendWeight(rounded, type_, &out);
      }
      sum += weight;
      others += j > 0 ? rounded : 0;
    }
    const float weight = used > 1 ? WeightAt(record.weights, type_, first) : 0;
    const float rest = static_cast<float>(std::round(64 * sum) / 64 - others);
    if (!(weight > 0) || !(rest > 0)) continue;
    const float level = Nearest(rest);
    if (std::abs(double{level} - double{weight}) > max_error_ * double{weight}) continue;
    std::string bytes;
    AppendWeight(level, type_, &bytes);
    out.replace(first * bytes.size(), bytes.size(), bytes);
  }
  return out;
}

}  // namespace grouter
