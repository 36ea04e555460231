#include "routing/planning/grouping/token_sets.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

RouteView View(const std::string& ids, uint32_t k) {
  RouteView view;
  view.k = k;
  view.num_tokens = static_cast<uint32_t>(ids.size()) / k;
  view.ids = ids;
  return view;
}

TEST(TokenSetsTest, ASampleBeginsAtAWordAndEachExpertHasItsTokens) {
  TokenSets sets(3);
  const std::string first("\x00\x01\x01\x02\x00\x02", 6), second("\x02\x01", 2);
  sets.AddSample(View(first, 2), 100);
  sets.AddSample(View(second, 2), 100);
  EXPECT_EQ(sets.num_samples(), 2u);
  EXPECT_EQ(sets.num_tokens(), 4u);
  EXPECT_EQ(sets.FirstWord(1), 1u);
  EXPECT_EQ(sets.BitsOf(0)[0], 0b101u);
  EXPECT_EQ(sets.BitsOf(1)[0], 0b011u);
  EXPECT_EQ(sets.BitsOf(2)[0], 0b110u);
  EXPECT_EQ(sets.BitsOf(2)[1], 0b1u);
  EXPECT_EQ(sets.BitsOf(0)[1], 0u);
}

TEST(TokenSetsTest, ALongSampleIsReadInRunsSpreadOverIt) {
  std::string ids(1000, '\0');
  for (size_t t = 0; t < ids.size(); ++t) ids[t] = static_cast<char>(t / 100);
  TokenSets sets(10);
  sets.AddSample(View(ids, 1), 130);
  EXPECT_EQ(sets.num_tokens(), 130u);
  EXPECT_EQ(sets.num_words(), 3u);
  EXPECT_NE(sets.BitsOf(0)[0], 0u);                      // from the first token
  EXPECT_EQ(sets.BitsOf(9)[2], 0b11u);                   // to the last
  EXPECT_NE(sets.BitsOf(4)[1] | sets.BitsOf(5)[1], 0u);  // and the middle
}

TEST(TokenSetsTest, IdsPastTheLastExpertAndMissingRoutesAreLeftOut) {
  const std::string ids("\x07\x00\x01\x00", 4);
  RouteView view = View(ids, 2);
  const std::string missing("\x02", 1);  // token 1
  view.missing = missing;
  TokenSets sets(2);
  sets.AddSample(view, 10);
  EXPECT_EQ(sets.BitsOf(0)[0], 0b01u);
  EXPECT_EQ(sets.BitsOf(1)[0], 0u);
}

TEST(TokenSetsTest, ASubsetKeepsTheTokens) {
  TokenSets sets(3);
  const std::string ids("\x00\x02\x01\x02", 4);
  sets.AddSample(View(ids, 2), 10);
  const TokenSets some = sets.OnlyExperts({2, 0});
  EXPECT_EQ(some.num_experts(), 2u);
  EXPECT_EQ(some.num_tokens(), 2u);
  EXPECT_EQ(some.BitsOf(0)[0], 0b11u);
  EXPECT_EQ(some.BitsOf(1)[0], 0b01u);
}

}  // namespace
}  // namespace grouter
