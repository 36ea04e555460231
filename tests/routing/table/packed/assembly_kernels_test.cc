#include "routing/table/packed/assembly_kernels.h"

#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/packed/lane_coder.h"

namespace grouter {
namespace {

// Each kernel that this processor runs, against the definition.

TEST(AssemblyKernels, IdsAreThoseAtTheRanksOfEachTokensList) {
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
  std::vector<uint8_t> expected(8 * kCount);
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
  for (LaneKernel kernel : LaneKernels()) {
    std::vector<uint8_t> ids(8 * kCount);
    PutIds8(kernel, codes, symbol_of, low_of, lists.data(), list_of.data(), kCount, ids.data());
    EXPECT_EQ(ids, expected) << static_cast<int>(kernel);
  }
}

TEST(AssemblyKernels, TheFirstWeightIsWhatTheOthersLeaveOfTheSum) {
  std::vector<std::vector<uint16_t>> planes(8, std::vector<uint16_t>(64, 0));
  const uint16_t* plane_of[8];
  for (uint32_t j = 0; j < 8; ++j) plane_of[j] = planes[j].data();
  for (uint32_t t = 0; t < 64; ++t) {
    planes[7][t] = 0x3d80;  // 1/16
    planes[3][t] = 0x80;    // doubles it: slots 1 to 3 are 1/8
    planes[0][t] = t % 2 == 0 ? 0 : 3;
  }
  for (LaneKernel kernel : LaneKernels()) {
    std::vector<uint16_t> weights(8 * 64);
    PutWeights8(kernel, plane_of, 1.0f, 64, weights.data());
    for (uint32_t t = 0; t < 64; ++t) {
      // 1 - 4/16 - 3/8 = 3/8; zigzag 3 is -2.
      EXPECT_EQ(weights[8 * t], t % 2 == 0 ? 0x3ec0 : 0x3ebe) << t;
      for (uint32_t j = 1; j < 8; ++j) EXPECT_EQ(weights[8 * t + j], j < 4 ? 0x3e00 : 0x3d80);
    }
  }
}

TEST(AssemblyKernels, AnyWeightsAreTheSameFromEveryKernel) {
  Random random(2);
  std::vector<std::vector<uint16_t>> planes(8, std::vector<uint16_t>(640));
  const uint16_t* plane_of[8];
  for (uint32_t j = 0; j < 8; ++j) {
    for (uint16_t& value : planes[j]) value = static_cast<uint16_t>(random.Below(j % 2 == 0 ? 65536 : 200));
    plane_of[j] = planes[j].data();
  }
  std::vector<uint16_t> first(8 * 640);
  PutWeights8(LaneKernel::kPortable, plane_of, 1.0f, 640, first.data());
  for (LaneKernel kernel : LaneKernels()) {
    std::vector<uint16_t> weights(8 * 640);
    PutWeights8(kernel, plane_of, 1.0f, 640, weights.data());
    EXPECT_EQ(weights, first) << static_cast<int>(kernel);
  }
}

TEST(AssemblyKernels, JoinAddsBaseSymbolAndLowBits) {
  PlaneCode code;
  code.base = 65530;
  code.low_bits = 2;
  std::vector<uint8_t> symbols(64);
  const uint64_t words[2] = {0xff, 0x0f};
  for (uint32_t t = 0; t < 64; ++t) symbols[t] = static_cast<uint8_t>(t);
  for (LaneKernel kernel : LaneKernels()) {
    std::vector<uint16_t> values(64);
    Join(kernel, code, symbols.data(), reinterpret_cast<const char*>(words), 64, values.data());
    for (uint32_t t = 0; t < 64; ++t)
      EXPECT_EQ(values[t], static_cast<uint16_t>(65530 + 4 * t + (t < 8 ? 2 : 0) + (t < 4 ? 1 : 0)));
  }
}

}  // namespace
}  // namespace grouter
