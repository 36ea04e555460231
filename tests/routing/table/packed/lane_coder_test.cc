#include "routing/table/packed/lane_coder.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/routing/table/packed/lane_cases.h"

namespace grouter {
namespace {

using testing::DecodeAll;
using testing::LaneCase;
using testing::RandomLanes;

TEST(LaneCoder, GivesBackSymbolsOfAnyLength) {
  Random random(1);
  for (uint64_t tokens : {1, 2, 3, 31, 32, 33, 63, 64, 200, 1000, 1023, 1024, 1025, 2048, 5000}) {
    const LaneCase c = RandomLanes(tokens, 1 + static_cast<uint32_t>(random.Below(5)), &random);
    const std::string bytes = EncodeLanes(c.codes, c.symbols, tokens);
    bool ended_well;
    EXPECT_EQ(DecodeAll(c, bytes, bytes.size(), LaneKernel::kPortable, &ended_well), c.symbols) << tokens;
    EXPECT_TRUE(ended_well) << tokens;
  }
}

TEST(LaneCoder, ShortRecordsHaveFewStates) {
  EXPECT_EQ(LanesFor(1), 1);
  EXPECT_EQ(LanesFor(309), 16);
  EXPECT_EQ(LanesFor(1024), 64);
  EXPECT_EQ(LanesFor(uint64_t{1} << 31), 64);
}

TEST(LaneCoder, NoticesACutOrLengthenedStream) {
  Random random(2);
  const LaneCase c = RandomLanes(2000, 3, &random);
  const std::string bytes = EncodeLanes(c.codes, c.symbols, 2000);
  bool ended_well;
  for (size_t cut : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, bytes.size() / 2, bytes.size() - 1}) {
    DecodeAll(c, bytes, cut, LaneKernel::kPortable, &ended_well);
    EXPECT_FALSE(ended_well) << cut;
  }
  DecodeAll(c, bytes + "x", bytes.size() + 1, LaneKernel::kPortable, &ended_well);
  EXPECT_FALSE(ended_well);
}

TEST(LaneCoder, APairOfStreamsDecodesAsEachAlone) {
  Random random(3);
  const LaneCase a = RandomLanes(1024, 1, &random), b = RandomLanes(1024, 1, &random);
  const std::string pad(8192, 'x');
  const std::string x = EncodeLanes(a.codes, a.symbols, 1024), y = EncodeLanes(b.codes, b.symbols, 1024);
  const std::string xm = x + pad, ym = y + pad;
  LaneStream s = OpenLanes(absl::string_view(xm).substr(0, x.size()), xm, 1024);
  LaneStream t = OpenLanes(absl::string_view(ym).substr(0, y.size()), ym, 1024);
  std::vector<uint8_t> first(1024), second(1024);
  DecodeLanePair(SlotTable(a.codes[0]), &s, first.data(), SlotTable(b.codes[0]), &t, second.data(), 1024,
                 BestLaneKernel());
  EXPECT_EQ(first, a.symbols);
  EXPECT_EQ(second, b.symbols);
  EXPECT_TRUE(LanesEndWell(s));
  EXPECT_TRUE(LanesEndWell(t));
}

TEST(LaneCoder, TakesLittleMoreThanTheSymbolsCost) {
  Random random(4);
  const LaneCase c = RandomLanes(4096, 8, &random);
  double bits = 0;
  for (size_t i = 0; i < c.symbols.size(); ++i)
    bits += 7 - std::log2(c.codes[i / 4096].frequency[c.symbols[i]]);
  EXPECT_LT(static_cast<double>(EncodeLanes(c.codes, c.symbols, 4096).size()), bits / 8 * 1.01 + 128);
}

}  // namespace
}  // namespace grouter
