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
  // next is the largest that leaves no hole.
  const uint16_t end = type == WeightType::kFloat16 ? 0x7c00 : 0x7f80;
  const uint16_t first = type == WeightType::kFloat16 ? 0x0400 : 0x0080;  // the smallest normal number
  uint16_t bits = first;
  const double ratio = (1 + max_error_) / (1 - max_error_);
  while (bits < end) {
    const double level = ValueOf(type, bits);
    levels_.push_back(static_cast<float>(level));
    uint16_t next = bits + 1;
    while (next + 1 < end && ValueOf(type, next + 1) <= level * ratio) ++next;
    bits = next;
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

std::string WeightRounding::Round(absl::string_view plane) const {
  std::string out;
  out.reserve(plane.size());
  if (!rounded_.empty()) {
    for (size_t i = 0; i < plane.size(); i += 2) {
      uint16_t bits;
      std::memcpy(&bits, plane.data() + i, 2);
      out.append(reinterpret_cast<const char*>(&rounded_[bits]), 2);
    }
    return out;
  }
  const size_t count = plane.size() / WeightBytes(type_);
  for (size_t i = 0; i < count; ++i) {
    const float weight = WeightAt(plane, type_, i);
    AppendWeight(weight == 0 ? weight : RoundOne(weight), type_, &out);
  }
  return out;
}

}  // namespace grouter
