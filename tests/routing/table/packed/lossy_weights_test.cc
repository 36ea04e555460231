#include "routing/table/packed/lossy_weights.h"

#include <cmath>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

TEST(WeightRounding, KeepsItsBoundForWeightsOfAnySize) {
  Random random(1);
  for (WeightType type : {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    for (double bound : {0.005, 0.022, 0.2}) {
      std::string plane;
      for (int i = 0; i < 5000; ++i) {
        const double size = std::exp2(-12 * random.Uniform());
        AppendWeight(static_cast<float>(random.Below(10) == 0 ? -size : size), type, &plane);
      }
      const std::string rounded = WeightRounding(type, bound).Round(plane);
      ASSERT_EQ(rounded.size(), plane.size());
      for (size_t i = 0; i < 5000; ++i) {
        const double w = WeightAt(plane, type, i);
        EXPECT_LE(std::abs(WeightAt(rounded, type, i) - w), bound * std::abs(w));
      }
      EXPECT_EQ(WeightRounding(type, bound).Round(rounded), rounded) << "rounded weights stay as they are";
    }
  }
}

TEST(WeightRounding, LeavesFewLevelsInAnOctave) {
  std::string plane;
  for (uint32_t bits = 0x3f00; bits < 0x3f80; ++bits)
    AppendWeight(BFloat16ToFloat(static_cast<uint16_t>(bits)), WeightType::kBFloat16, &plane);
  const std::string rounded = WeightRounding(WeightType::kBFloat16, 0.022).Round(plane);
  std::set<float> levels;
  for (size_t i = 0; i < 128; ++i) levels.insert(WeightAt(rounded, WeightType::kBFloat16, i));
  EXPECT_LE(levels.size(), 19);
}

TEST(WeightRounding, ZeroStaysZero) {
  const std::string zeros(8, 0);
  EXPECT_EQ(WeightRounding(WeightType::kFloat32, 0.1).Round(zeros), zeros);
  EXPECT_EQ(WeightRounding(WeightType::kBFloat16, 0.1).Round(zeros), zeros);
}

}  // namespace
}  // namespace grouter
