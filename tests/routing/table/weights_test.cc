#include "routing/table/weights.h"

#include <immintrin.h>

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(Weights, EveryBFloat16AndHalfSurvivesAFloat) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float b = BFloat16ToFloat(static_cast<uint16_t>(bits));
    if (!std::isnan(b)) {
      EXPECT_EQ(FloatToBFloat16(b), bits);
    }
    const float h = Float16ToFloat(static_cast<uint16_t>(bits));
    if (!std::isnan(h)) {
      EXPECT_EQ(FloatToFloat16(h), bits);
    }
  }
}

TEST(Weights, RoundToNearestTiesToEven) {
  EXPECT_EQ(FloatToBFloat16(1.0f), 0x3f80);
  EXPECT_EQ(FloatToBFloat16(1.0f + 0x1p-8f), 0x3f80);      // a tie: to even
  EXPECT_EQ(FloatToBFloat16(1.0f + 3 * 0x1p-8f), 0x3f82);  // a tie: to even
  EXPECT_EQ(FloatToBFloat16(1.0f + 0x1p-8f + 0x1p-20f), 0x3f81);
  EXPECT_EQ(FloatToFloat16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(FloatToFloat16(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(FloatToFloat16(65519.0f), 0x7bff);
  EXPECT_EQ(FloatToFloat16(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToFloat16(0x1p-25f), 0);  // a tie between 0 and the least
  EXPECT_EQ(FloatToFloat16(0x1.8p-25f), 1);
}

__attribute__((target("f16c"))) uint16_t ProcessorsHalf(float value) {
  return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
}

TEST(Weights, HalvesRoundAsTheProcessorRounds) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor may have no half precision (F16C)";
  for (uint32_t i = 0; i < 2000000; i += 37) {
    const float value =
        std::ldexp(1.0f + static_cast<float>(i % 8388608) / 8388608.0f, static_cast<int>(i % 40) - 25);
    ASSERT_EQ(FloatToFloat16(value), ProcessorsHalf(value)) << value;
  }
}

TEST(Weights, PlanesConvertElementByElement) {
  std::string plane;
  for (float value : {0.5f, 0.25f, 0.3f}) AppendWeight(value, WeightType::kFloat32, &plane);
  const std::string narrow = ConvertWeights(plane, WeightType::kFloat32, WeightType::kBFloat16);
  ASSERT_EQ(narrow.size(), 6);
  EXPECT_EQ(WeightAt(narrow, WeightType::kBFloat16, 1), 0.25f);
  EXPECT_NEAR(WeightAt(narrow, WeightType::kBFloat16, 2), 0.3f, 0.3f / 256);
  EXPECT_EQ(ConvertWeights(plane, WeightType::kFloat32, WeightType::kNone), "");
  EXPECT_EQ(ConvertWeights(plane, WeightType::kFloat32, WeightType::kFloat32), plane);
}

TEST(Weights, TheFirstNonFiniteIsFoundAnywhere) {
  for (WeightType type : {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    for (size_t place : {0, 1, 4095, 4096, 9999}) {
      std::string plane;
      for (size_t i = 0; i < 10000; ++i) {
        AppendWeight(i < place ? 1.5f : std::numeric_limits<float>::infinity(), type, &plane);
      }
      EXPECT_EQ(FirstNonFinite(plane, type), static_cast<int64_t>(place));
    }
    std::string zeros(64, 0);
    EXPECT_EQ(FirstNonFinite(zeros, type), -1);
  }
}

TEST(Weights, NamesAreReadAndWritten) {
  for (WeightType type :
       {WeightType::kNone, WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    EXPECT_EQ(*ParseWeightType(WeightTypeName(type)), type);
  }
  EXPECT_FALSE(ParseWeightType("fp8").ok());
}

}  // namespace
}  // namespace grouter
