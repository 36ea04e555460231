#include "routing/table/packed/assembly_kernels.h"

#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/packed/lane_coder.h"

namespace grouter {
namespace {

// The portable twins are checked against these kernels in plane_values_test, weight_code_test and
// route_codec_test; here each against its definition.

TEST(AssemblyKernels, IdsAreThoseAtTheRanksOfEachTokensList) {
  if (BestLaneKernel() != LaneKernel::kAvx512Vbmi) GTEST_SKIP() << "this processor has no AVX-512 VBMI";
  Random random(1);
  constexpr uint32_t kCount = 192, kLists = 5;
  std::vector<uint8_t> lists(128 * kLists);
  for (uint8_t& id : lists) id = static_cast<uint8_t>(random.Below(128));
  std::vector<uint32_t> list_of(kCount);
  for (uint32_t& list : list_of) list = static_cast<uint32_t>(random.Below(kLists));
  PlaneCode codes[8];
  std::vector<std::vector<uint8_t>> symbols(8, std::vector<uint8_t>(kCount));
  std::vector<std::vector<uint64_t>> words(8);
  const uint8_t* symbol_of[8];
  const char* low_of[8];
  std::vector<uint8_t> expected(8 * kCount), ids(8 * kCount);
  for (uint32_t j = 0; j < 8; ++j) {
    codes[j].low_bits = static_cast<uint8_t>(random.Below(4));
    words[j].resize(kCount / 64 * codes[j].low_bits + 1);
    for (uint32_t t = 0; t < kCount; ++t) {
      const uint32_t rank = static_cast<uint32_t>(random.Below(128));
      symbols[j][t] = static_cast<uint8_t>(rank >> codes[j].low_bits);
      for (uint32_t b = 0; b < codes[j].low_bits; ++b) {
        const uint32_t word = t / 64 * codes[j].low_bits + codes[j].low_bits - 1 - b;
        words[j][word] |= uint64_t{rank >> b & 1} << (t % 64);
      }
      expected[8 * t + j] = lists[128 * list_of[t] + rank];
    }
    symbol_of[j] = symbols[j].data();
    low_of[j] = reinterpret_cast<const char*>(words[j].data());
  }
  PutIds8Avx512(codes, symbol_of, low_of, lists.data(), list_of.data(), kCount, ids.data());
  EXPECT_EQ(ids, expected);
}

TEST(AssemblyKernels, TheFirstWeightIsWhatTheOthersLeaveOfTheSum) {
  if (BestLaneKernel() != LaneKernel::kAvx512Vbmi) GTEST_SKIP() << "this processor has no AVX-512 VBMI";
  std::vector<std::vector<uint16_t>> planes(8, std::vector<uint16_t>(64, 0));
  const uint16_t* plane_of[8];
  for (uint32_t j = 0; j < 8; ++j) plane_of[j] = planes[j].data();
  for (uint32_t t = 0; t < 64; ++t) {
    planes[7][t] = 0x3d80;  // 1/16
    planes[3][t] = 0x80;    // doubles it: slots 1 to 3 are 1/8
    planes[0][t] = t % 2 == 0 ? 0 : 3;
  }
  std::vector<uint16_t> weights(8 * 64);
  PutWeights8Avx512(plane_of, 1.0f, 64, weights.data());
  for (uint32_t t = 0; t < 64; ++t) {
    // 1 - 4/16 - 3/8 = 3/8; zigzag 3 is -2.
    EXPECT_EQ(weights[8 * t], t % 2 == 0 ? 0x3ec0 : 0x3ebe) << t;
    for (uint32_t j = 1; j < 8; ++j) EXPECT_EQ(weights[8 * t + j], j < 4 ? 0x3e00 : 0x3d80);
  }
}

TEST(AssemblyKernels, JoinAddsBaseSymbolAndLowBits) {
  if (BestLaneKernel() != LaneKernel::kAvx512Vbmi) GTEST_SKIP() << "this processor has no AVX-512 VBMI";
  PlaneCode code;
  code.base = 65530;
  code.low_bits = 2;
  std::vector<uint8_t> symbols(64);
  const uint64_t words[2] = {0xff, 0x0f};
  std::vector<uint16_t> values(64);
  for (uint32_t t = 0; t < 64; ++t) symbols[t] = static_cast<uint8_t>(t);
  JoinAvx512(code, symbols.data(), reinterpret_cast<const char*>(words), 64, values.data());
  for (uint32_t t = 0; t < 64; ++t)
    EXPECT_EQ(values[t], static_cast<uint16_t>(65530 + 4 * t + (t < 8 ? 2 : 0) + (t < 4 ? 1 : 0)));
}

}  // namespace
}  // namespace grouter
