#include "routing/table/packed/lossy_weights.h"

#include <cmath>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

std::string Round(WeightType type, double bound, absl::string_view plane, uint32_t k = 1) {
  RouteView record;
  record.k = k;
  record.num_tokens = static_cast<uint32_t>(plane.size() / WeightBytes(type) / k);
  record.weight_type = type;
  record.weights = plane;
  return WeightRounding(type, bound).Round(record);
}

TEST(WeightRounding, KeepsItsBoundForWeightsOfAnySize) {
  Random random(1);
  for (WeightType type : {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    for (double bound : {0.005, 0.022, 0.2}) {
      std::string plane;
      for (int i = 0; i < 5000; ++i) {
        const double size = std::exp2(-12 * random.Uniform());
        AppendWeight(static_cast<float>(random.Below(10) == 0 ? -size : size), type, &plane);
      }
      const std::string rounded = Round(type, bound, plane);
      ASSERT_EQ(rounded.size(), plane.size());
      for (size_t i = 0; i < 5000; ++i) {
        const double w = WeightAt(plane, type, i);
        EXPECT_LE(std::abs(WeightAt(rounded, type, i) - w), bound * std::abs(w));
      }
      EXPECT_EQ(Round(type, bound, rounded), rounded) << "rounded weights stay as they are";
    }
  }
}

TEST(WeightRounding, LeavesFewLevelsInAnOctave) {
  std::string plane;
  for (uint32_t bits = 0x3f00; bits < 0x3f80; ++bits)
    AppendWeight(BFloat16ToFloat(static_cast<uint16_t>(bits)), WeightType::kBFloat16, &plane);
  const std::string rounded = Round(WeightType::kBFloat16, 0.022, plane);
  std::set<float> levels;
  for (size_t i = 0; i < 128; ++i) levels.insert(WeightAt(rounded, WeightType::kBFloat16, i));
  EXPECT_LE(levels.size(), 17);
}

TEST(WeightRounding, TheFirstWeightIsMostlyWhatTheOthersLeave) {
  Random random(2);
  for (WeightType type : {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    constexpr uint32_t kTokens = 2000, kSlots = 4;
    std::string plane;
    for (uint32_t t = 0; t < kTokens; ++t) {
      double weights[kSlots], sum = 0;
      for (double& w : weights) sum += w = 1 + random.Uniform();
      for (double w : weights) AppendWeight(static_cast<float>(w / sum), type, &plane);
    }
    const std::string rounded = Round(type, 0.022, plane, kSlots);
    uint32_t left = 0;
    for (uint32_t t = 0; t < kTokens; ++t) {
      double sum = 0;
      for (uint32_t j = 0; j < kSlots; ++j) {
        const double w = WeightAt(plane, type, t * kSlots + j), r = WeightAt(rounded, type, t * kSlots + j);
        ASSERT_LE(std::abs(r - w), 0.022 * w);
        sum += r;
      }
      left += std::abs(sum - 1) <= 0.0235 * WeightAt(rounded, type, t * kSlots);
    }
    EXPECT_GT(left, kTokens * 6 / 10);
  }
}

TEST(WeightRounding, ZeroStaysZero) {
  const std::string zeros(8, 0);
  EXPECT_EQ(Round(WeightType::kFloat32, 0.1, zeros), zeros);
  EXPECT_EQ(Round(WeightType::kBFloat16, 0.1, zeros), zeros);
}

}  // namespace
}  // namespace grouter
