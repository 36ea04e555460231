#include "routing/table/packed/expert_lists.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TokenCounts RandomCounts(uint32_t experts, uint32_t tokens, Random* random) {
  TokenCounts c;
  c.num_experts = experts;
  c.all.resize(experts);
  for (uint32_t i = 0; i < tokens; ++i) {
    c.tokens.push_back((c.tokens.empty() ? 0 : c.tokens.back()) + 1 +
                       static_cast<uint32_t>(random->Below(900)));
    const uint32_t n = 8 + static_cast<uint32_t>(random->Below(1u << random->Below(18)));
    c.occurrences.push_back(n);
    for (uint32_t e = 0; e < experts; ++e) {
      const double u = random->Uniform();
      c.counts.push_back(static_cast<uint32_t>(u * u * u * n));
      c.all[e] += c.counts.back();
    }
  }
  return c;
}

TEST(ExpertLists, ATokensListBeginsWithTheExpertsItChoseMost) {
  Random random(1);
  const TokenCounts counts = RandomCounts(64, 40, &random);
  const ExpertLists lists = ExpertLists::FromCounts(counts);
  EXPECT_EQ(lists.num_lists(), 41);
  for (size_t i = 0; i < counts.tokens.size(); ++i) {
    const uint8_t* list = lists.lists() + size_t{lists.ListOf(counts.tokens[i])} * lists.stride();
    std::vector<bool> seen(64);
    for (uint32_t r = 0; r < 64; ++r) {
      EXPECT_FALSE(seen[list[r]]);
      seen[list[r]] = true;
      // Levels are half octaves: what follows is never chosen much more often, but for the rare.
      if (r == 0) continue;
      const uint32_t rare = counts.occurrences[i] / 200;
      EXPECT_LE(counts.counts[i * 64 + list[r]], 2 * counts.counts[i * 64 + list[r - 1]] + 2 + rare);
    }
  }
  EXPECT_EQ(lists.ListOf(counts.tokens.back() + 1), 0);
  EXPECT_EQ(lists.ListOf(UINT32_MAX), 0);
}

TEST(ExpertLists, SurviveTheirBytes) {
  Random random(2);
  for (uint32_t experts : {2u, 31u, 128u, 200u, 256u}) {
    const ExpertLists lists = ExpertLists::FromCounts(RandomCounts(experts, 70, &random));
    ByteWriter out;
    lists.Encode(&out);
    ByteReader in(out.bytes());
    const auto again = ExpertLists::Decode(experts, &in);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(in.AtEnd());
    ASSERT_EQ(again->num_lists(), lists.num_lists());
    EXPECT_TRUE(std::equal(lists.lists(), lists.lists() + size_t{lists.num_lists()} * lists.stride(),
                           again->lists()));
    for (uint32_t token = 0; token < 70000; ++token) ASSERT_EQ(again->ListOf(token), lists.ListOf(token));
  }
}

TEST(ExpertLists, LargeTablesHaveTheCommonListOnly) {
  TokenCounts counts;
  counts.num_experts = 1000;
  counts.all.resize(1000);
  counts.all[77] = 5;
  const ExpertLists lists = ExpertLists::FromCounts(counts);
  EXPECT_EQ(lists.stride(), 0);
  EXPECT_EQ(lists.common()[0], 77);
  EXPECT_EQ(lists.common().size(), 1000);
}

TEST(ExpertLists, DamagedBytesAreRefusedOrReadAsOtherLists) {
  Random random(3);
  const ExpertLists lists = ExpertLists::FromCounts(RandomCounts(16, 20, &random));
  ByteWriter out;
  lists.Encode(&out);
  for (size_t i = 0; i < out.size(); ++i) {
    std::string bad = out.bytes();
    bad[i] ^= static_cast<char>(1 + random.Below(255));
    ByteReader in(bad), cut(absl::string_view(out.bytes()).substr(0, i));
    const auto read = ExpertLists::Decode(16, &in);
    EXPECT_TRUE(!read.ok() || read->num_lists() <= 21);
    EXPECT_FALSE(ExpertLists::Decode(16, &cut).ok());
  }
}

}  // namespace
}  // namespace grouter
