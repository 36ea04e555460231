#include "routing/planning/counting/column_counter.h"

#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/fake_routing_table.h"

namespace grouter {
namespace {

TEST(ColumnCounterTest, CountsWhatASetPerTokenCounts) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    testing::FakeTableOptions options;
    options.seed = round;
    options.num_experts = round % 5 == 0 ? 300 : 2 + random.Below(255);
    options.k = random.Below(std::min<uint32_t>(options.num_experts, 16) + 1);
    options.per_token_k = random.Below(3) == 0;
    options.missing_share = random.Below(3) == 0 ? 0.2 : 0;
    options.num_samples = 2;
    options.shortest = options.longest = 1 + random.Below(200);
    const auto table = testing::MakeFakeTable(options);
    // Few columns go through bits, many through stamps.
    const uint32_t num_columns = round % 2 == 0 ? 1 + random.Below(300) : 1100 + random.Below(200);
    std::vector<std::vector<uint32_t>> columns(options.num_experts);
    for (auto& list : columns) {
      std::set<uint32_t> some;
      for (uint64_t i = random.Below(4); i > 0; --i) some.insert(random.Below(num_columns));
      list.assign(some.begin(), some.end());
    }
    const RouteView view = table->Routes(0, 0).value();
    const uint32_t first = random.Below(view.num_tokens + 1),
                   count = random.Below(view.num_tokens - first + 1);
    std::vector<uint32_t> expected(num_columns, 0);
    for (uint32_t t = first; t < first + count; ++t) {
      std::set<uint32_t> touched;
      for (uint32_t j = 0; j < view.NumTopk(t); ++j) {
        for (uint32_t column : columns[view.Id(t, j)]) touched.insert(column);
      }
      for (uint32_t column : touched) ++expected[column];
    }
    const ColumnCounter counter(num_columns, columns);
    std::vector<uint32_t> counts(counter.num_counts(), 0);
    counter.Count(view, first, count, counts.data());
    counts.resize(num_columns);
    EXPECT_EQ(counts, expected) << round;
  }
}

TEST(ColumnCounterTest, FewColumnsCountTheSameWithEveryInstructionSet) {
  Random random(4);
  for (int round = 0; round < 40; ++round) {
    testing::FakeTableOptions options;
    options.seed = round;
    options.k = std::vector<uint32_t>{8, 4, 5, 8}[round % 4];  // 5: no look-up in registers
    options.num_experts = options.k + random.Below(257 - options.k);
    options.num_samples = 1;
    options.shortest = options.longest = 1 + random.Below(9000);
    const auto table = testing::MakeFakeTable(options);
    const uint32_t num_columns = 1 + random.Below(16);
    std::vector<std::vector<uint32_t>> columns(options.num_experts);
    for (auto& list : columns) {
      for (uint32_t c = 0; c < num_columns; ++c) {
        if (random.Below(6) == 0) list.push_back(c);
      }
    }
    const RouteView view = table->Routes(0, 0).value();
    const uint32_t first = random.Below(view.num_tokens);
    std::vector<uint32_t> expected(num_columns, 0);
    for (uint32_t t = first; t < view.num_tokens; ++t) {
      std::set<uint32_t> touched;
      for (uint32_t j = 0; j < view.k; ++j) {
        for (uint32_t column : columns[view.Id(t, j)]) touched.insert(column);
      }
      for (uint32_t column : touched) ++expected[column];
    }
    for (int set = 0; set <= static_cast<int>(BestInstructionSet()); ++set) {
      const ColumnCounter counter(num_columns, columns, static_cast<InstructionSet>(set));
      std::vector<uint32_t> counts(counter.num_counts(), 0);
      counter.Count(view, first, view.num_tokens - first, counts.data());
      counts.resize(num_columns);
      EXPECT_EQ(counts, expected) << round << ", instruction set " << set;
    }
  }
}

TEST(ColumnCounterTest, AnIdPastTheLastExpertLeavesTheSumShort) {
  for (uint32_t experts : {8u, 300u}) {
    testing::FakeTableOptions options;
    options.num_experts = experts;
    const auto table = testing::MakeFakeTable(options);
    std::vector<std::vector<uint32_t>> columns(experts);
    for (uint32_t e = 0; e < experts; ++e) columns[e] = {e};
    const ColumnCounter counter(experts, columns);
    const auto sum = [&] {
      std::vector<uint32_t> counts(counter.num_counts(), 0);
      counter.Count(table->Routes(0, 0).value(), 0, 16, counts.data());
      uint64_t total = 0;
      for (uint32_t count : counts) total += count;
      return total;
    };
    EXPECT_EQ(sum(), 64u);
    table->SetId(0, 0, 5, 1, experts);
    EXPECT_EQ(sum(), 63u);
  }
}

}  // namespace
}  // namespace grouter
