#include "routing/table/packed/assembly_kernels.h"

#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/packed/lane_coder.h"

namespace grouter {
namespace {

// Eight planes of tokens' values less the base, all 0 at first. Low bits are to be set before values.
struct Eight {
  explicit Eight(uint32_t count)
      : symbols(8, std::vector<uint8_t>(count)), words(8, std::vector<uint64_t>(count / 64 * kMaxLowBits)) {}
  void Set(uint32_t plane, uint32_t token, uint32_t value) {
    const uint32_t low_bits = codes[plane].low_bits;
    symbols[plane][token] = static_cast<uint8_t>(value >> low_bits);
    for (uint32_t b = 0; b < low_bits; ++b)
      words[plane][token / 64 * low_bits + low_bits - 1 - b] |= uint64_t{value >> b & 1} << (token % 64);
  }
  EightPlanes planes() const {
    EightPlanes planes;
    planes.codes = codes;
    for (uint32_t j = 0; j < 8; ++j) {
      planes.symbols[j] = symbols[j].data();
      planes.low[j] = reinterpret_cast<const char*>(words[j].data());
    }
    return planes;
  }

  PlaneCode codes[8];
  std::vector<std::vector<uint8_t>> symbols;
  std::vector<std::vector<uint64_t>> words;
};

// Each kernel that this processor runs, against the definition.

TEST(AssemblyKernels, IdsAreThoseAtTheRanksOfEachTokensList) {
  Random random(1);
  constexpr uint32_t kCount = 192, kLists = 5;
  std::vector<uint8_t> lists(128 * kLists);
  for (uint8_t& id : lists) id = static_cast<uint8_t>(random.Below(128));
  std::vector<uint32_t> list_of(kCount);
  for (uint32_t& list : list_of) list = static_cast<uint32_t>(random.Below(kLists));
  std::vector<uint8_t> beginnings;
  for (uint32_t list = 0; list < kLists; ++list)
    beginnings.insert(beginnings.end(), lists.begin() + 128 * list, lists.begin() + 128 * list + 64);
  Eight ranks(kCount);
  std::vector<uint8_t> expected(8 * kCount);
  for (uint32_t j = 0; j < 8; ++j) {
    ranks.codes[j].low_bits = static_cast<uint8_t>(random.Below(8));
    for (uint32_t t = 0; t < kCount; ++t) {
      // Most tokens have all their ids in the first half of the list.
      const uint32_t rank = static_cast<uint32_t>(random.Below(t % 7 == 0 ? 128 : 64));
      ranks.Set(j, t, rank);
      expected[8 * t + j] = lists[128 * list_of[t] + rank];
    }
  }
  for (LaneKernel kernel : LaneKernels()) {
    std::vector<uint8_t> ids(8 * kCount);
    PutIds8(kernel, ranks.planes(), {lists.data(), beginnings.data()}, list_of.data(), kCount, ids.data());
    EXPECT_EQ(ids, expected) << static_cast<int>(kernel);
  }
}

TEST(AssemblyKernels, TheFirstWeightIsWhatTheOthersLeaveOfTheSum) {
  for (uint8_t low_bits : {0, 1, 2, 8, 9}) {
    Eight planes(64);
    for (uint32_t j = 0; j < 8; ++j) planes.codes[j].low_bits = low_bits;
    planes.codes[7].base = 0x3d80;  // 1/16
    planes.codes[3].base = 0x80;    // doubles it: slots 1 to 3 are 1/8
    for (uint32_t t = 1; t < 64; t += 2) planes.Set(0, t, 3);
    for (LaneKernel kernel : LaneKernels()) {
      std::vector<uint16_t> weights(8 * 64);
      PutWeights8(kernel, planes.planes(), 1.0f, 64, weights.data());
      for (uint32_t t = 0; t < 64; ++t) {
        // 1 - 4/16 - 3/8 = 3/8; zigzag 3 is -2.
        EXPECT_EQ(weights[8 * t], t % 2 == 0 ? 0x3ec0 : 0x3ebe) << t;
        for (uint32_t j = 1; j < 8; ++j) EXPECT_EQ(weights[8 * t + j], j < 4 ? 0x3e00 : 0x3d80);
      }
    }
  }
}

TEST(AssemblyKernels, AnyWeightsAreTheSameFromEveryKernel) {
  Random random(2);
  for (uint32_t most_low_bits : {8u, 9u}) {
    Eight planes(640);
    for (uint32_t j = 0; j < 8; ++j) {
      planes.codes[j].low_bits = static_cast<uint8_t>(random.Below(most_low_bits + 1));
      planes.codes[j].base = static_cast<uint16_t>(random.Below(j % 2 == 0 ? 65536 : 200));
      for (uint32_t t = 0; t < 640; ++t)
        planes.Set(j, t, static_cast<uint32_t>(random.Below(uint64_t{128} << planes.codes[j].low_bits)));
    }
    planes.codes[3].low_bits = static_cast<uint8_t>(most_low_bits);
    std::vector<uint16_t> first(8 * 640);
    PutWeights8(LaneKernel::kPortable, planes.planes(), 1.0f, 640, first.data());
    for (LaneKernel kernel : LaneKernels()) {
      std::vector<uint16_t> weights(8 * 640);
      PutWeights8(kernel, planes.planes(), 1.0f, 640, weights.data());
      EXPECT_EQ(weights, first) << static_cast<int>(kernel);
    }
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
