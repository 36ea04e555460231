#include "routing/table/packed/plane_code.h"

#include <numeric>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

std::vector<uint32_t> RandomHistogram(Random* random) {
  std::vector<uint32_t> histogram(65536);
  const uint32_t base = static_cast<uint32_t>(random->Below(65000));
  const uint32_t spread = 1 + static_cast<uint32_t>(random->Below(535));
  for (uint32_t i = 0; i < random->Below(3000); ++i)
    ++histogram[base + static_cast<uint32_t>(random->Uniform() * random->Uniform() * spread)];
  return histogram;
}

TEST(PlaneCode, EveryValueHasACodeAndEverySymbolASlot) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const std::vector<uint32_t> histogram = RandomHistogram(&random);
    const PlaneCode code = FitPlaneCode(histogram, 0);
    EXPECT_EQ(std::accumulate(code.frequency.begin(), code.frequency.end(), 0u), kSymbolSlots);
    for (uint32_t v = 0; v < 65536; v += 1 + static_cast<uint32_t>(random.Below(40))) {
      const uint8_t symbol = code.SymbolOf(static_cast<uint16_t>(v));
      ASSERT_LT(symbol, code.num_symbols);
      ASSERT_GT(code.frequency[symbol], 0);
      if (code.has_escape && symbol == code.escape()) continue;
      ASSERT_EQ((static_cast<uint16_t>(v - code.base) >> code.low_bits), symbol);
    }
  }
}

TEST(PlaneCode, WithADomainNoValueOfItIsListed) {
  for (uint32_t domain : {1u, 2u, 17u, 32u, 128u, 256u}) {
    const std::vector<uint32_t> nothing(65536);
    const PlaneCode code = FitPlaneCode(nothing, domain);
    EXPECT_FALSE(code.has_escape);
    for (uint32_t v = 0; v < domain; ++v)
      EXPECT_GT(code.frequency[code.SymbolOf(static_cast<uint16_t>(v))], 0);
  }
}

TEST(PlaneCode, ComesNearTheEntropyOfAPlainDistribution) {
  std::vector<uint32_t> histogram(65536);
  for (uint32_t v = 0; v < 16; ++v) histogram[100 + v] = 1000;
  EXPECT_NEAR(PlaneCodeBits(FitPlaneCode(histogram, 0), histogram) / 16000, 4, 0.1);
}

TEST(PlaneCode, SurvivesItsBytesAndRefusesOthers) {
  Random random(2);
  for (int round = 0; round < 30; ++round) {
    const PlaneCode code = FitPlaneCode(RandomHistogram(&random), 0);
    ByteWriter out;
    EncodePlaneCode(code, &out);
    ByteReader in(out.bytes());
    const auto again = DecodePlaneCode(&in);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->frequency, code.frequency);
    EXPECT_EQ(again->base, code.base);
    std::string bad = out.bytes();
    bad.back() ^= 1;
    ByteReader wrong(bad), cut(absl::string_view(out.bytes()).substr(0, out.size() - 1));
    EXPECT_FALSE(DecodePlaneCode(&wrong).ok());
    EXPECT_FALSE(DecodePlaneCode(&cut).ok());
  }
}

}  // namespace
}  // namespace grouter
