#include "routing/table/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

template <typename Word>
int64_t FirstWithFullExponent(absl::string_view plane, Word exponent) {
  // A branch-free pass over pieces: the compiler makes vectors of it.
  constexpr size_t kPiece = 4096;
  const size_t count = plane.size() / sizeof(Word);
  for (size_t begin = 0; begin < count; begin += kPiece) {
    const size_t end = std::min(count, begin + kPiece);
    uint32_t found = 0;
    for (size_t i = begin; i < end; ++i) {
      Word word;
      std::memcpy(&word, plane.data() + i * sizeof(Word), sizeof(Word));
      found |= (word & exponent) == exponent;
    }
    if (found == 0) continue;
    for (size_t i = begin; i < end; ++i) {
      Word word;
      std::memcpy(&word, plane.data() + i * sizeof(Word), sizeof(Word));
      if ((word & exponent) == exponent) return static_cast<int64_t>(i);
    }
  }
  return -1;
}

}  // namespace

absl::string_view WeightTypeName(WeightType type) {
  switch (type) {
    case WeightType::kFloat32:
      return "f32";
    case WeightType::kBFloat16:
      return "bf16";
    case WeightType::kFloat16:
      return "f16";
    case WeightType::kNone:
      break;
  }
  return "none";
}

absl::StatusOr<WeightType> ParseWeightType(absl::string_view name) {
  for (WeightType type :
       {WeightType::kNone, WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    if (name == WeightTypeName(type)) return type;
  }
  return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("unknown weight type ", name), "",
               "give f32, bf16, f16 or none");
}

float BFloat16ToFloat(uint16_t bits) { return FloatOf(uint32_t{bits} << 16); }

uint16_t FloatToBFloat16(float value) {
  const uint32_t bits = BitsOf(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float Float16ToFloat(uint16_t bits) {
  const uint32_t sign = uint32_t{bits} >> 15 << 31;
  const uint32_t exponent = bits >> 10 & 31;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 31) return FloatOf(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) return FloatOf(sign | BitsOf(static_cast<float>(mantissa) * 0x1p-24f));
  return FloatOf(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t FloatToFloat16(float value) {
  const uint32_t bits = BitsOf(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // rounds past the largest half, 65504
  if (magnitude < 0x38800000) {                       // subnormal: the unit is 2^-24
    return sign | static_cast<uint16_t>(std::nearbyint(FloatOf(magnitude) * 0x1p24f));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return sign | static_cast<uint16_t>((rounded - (112u << 23)) >> 13);
}

float WeightAt(absl::string_view plane, WeightType type, size_t i) {
  if (type == WeightType::kFloat32) {
    float value;
    std::memcpy(&value, plane.data() + 4 * i, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, plane.data() + 2 * i, 2);
  return type == WeightType::kBFloat16 ? BFloat16ToFloat(bits) : Float16ToFloat(bits);
}

void AppendWeight(float value, WeightType type, std::string* plane) {
  if (type == WeightType::kNone) return;
  if (type == WeightType::kFloat32) {
    plane->append(reinterpret_cast<const char*>(&value), 4);
    return;
  }
  const uint16_t bits = type == WeightType::kBFloat16 ? FloatToBFloat16(value) : FloatToFloat16(value);
  plane->append(reinterpret_cast<const char*>(&bits), 2);
}

std::string ConvertWeights(absl::string_view plane, WeightType from, WeightType to) {
  if (from == to) return std::string(plane);
  std::string converted;
  if (to == WeightType::kNone) return converted;
  const size_t count = plane.size() / WeightBytes(from);
  converted.reserve(count * WeightBytes(to));
  for (size_t i = 0; i < count; ++i) AppendWeight(WeightAt(plane, from, i), to, &converted);
  return converted;
}

int64_t FirstNonFinite(absl::string_view plane, WeightType type) {
  switch (type) {
    case WeightType::kFloat32:
      return FirstWithFullExponent<uint32_t>(plane, 0x7f800000);
    case WeightType::kBFloat16:
      return FirstWithFullExponent<uint16_t>(plane, 0x7f80);
    case WeightType::kFloat16:
      return FirstWithFullExponent<uint16_t>(plane, 0x7c00);
    case WeightType::kNone:
      break;
  }
  return -1;
}

}  // namespace grouter
