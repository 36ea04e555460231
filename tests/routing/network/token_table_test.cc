#include "routing/network/token_table.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

std::vector<uint32_t> Lookup(const TokenTable& table, uint32_t token) {
  const auto ids = table.Lookup(token);
  return std::vector<uint32_t>(ids.begin(), ids.end());
}

TEST(TokenTable, GivesEachTokenItsMostFrequentExperts) {
  TokenTable table(6, 2);
  table.Add(7, {1, 5});
  table.Add(7, {5, 3});
  table.Add(7, {3, 5});
  table.Add(8, {0, 2});
  table.Finish();
  EXPECT_EQ(Lookup(table, 7), (std::vector<uint32_t>{5, 3}));
  EXPECT_EQ(Lookup(table, 8), (std::vector<uint32_t>{0, 2}));  // a tie: the smaller id first
}

TEST(TokenTable, FillsUpWithTheMostFrequentExpertsOfAll) {
  TokenTable table(6, 3);
  table.Add(1, {4});
  table.Add(2, {5, 2});
  table.Add(3, {5});
  table.Finish();
  EXPECT_EQ(Lookup(table, 1), (std::vector<uint32_t>{4, 5, 2}));
  EXPECT_EQ(Lookup(table, 99), (std::vector<uint32_t>{5, 2, 4}));  // never seen
}

}  // namespace
}  // namespace grouter
