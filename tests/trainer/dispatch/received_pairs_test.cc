#include "trainer/dispatch/received_pairs.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(SortReceivedRows, OrdersPairsBySlotThenRow) {
  // Three rows of one activation, two slots and two weights.
  const std::vector<float> rows = {9, 0, 2,  0.1f, 0.2f,  //
                                   9, 2, -1, 0.3f, 0,     //
                                   9, 0, 1,  0.4f, 0.5f};
  const std::vector<uint32_t> counts = {2, 1, 2};
  const auto pairs = SortReceivedRows(rows.data() + 1, 5, 3, 2, counts);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_EQ(pairs->first_pair, (std::vector<uint32_t>{0, 2, 3, 5}));
  EXPECT_EQ(pairs->row, (std::vector<int32_t>{0, 2, 2, 0, 1}));
  EXPECT_EQ(pairs->column, (std::vector<int32_t>{0, 4, 5, 1, 2}));
  EXPECT_EQ(pairs->weight, (std::vector<float>{0.1f, 0.4f, 0.5f, 0.2f, 0.3f}));
}

TEST(SortReceivedRows, RowsThatBelieTheirAnnouncementAreAnError) {
  const std::vector<float> row = {1, -1, 0.5f, 0};
  for (const std::vector<uint32_t>& counts : {std::vector<uint32_t>{0, 2}, std::vector<uint32_t>{1, 0},
                                              std::vector<uint32_t>{1}, std::vector<uint32_t>{}}) {
    EXPECT_EQ(SortReceivedRows(row.data(), 4, 1, 2, counts).status().code(), absl::StatusCode::kInternal);
  }
  EXPECT_TRUE(SortReceivedRows(row.data(), 4, 1, 2, std::vector<uint32_t>{0, 1}).ok());
}

}  // namespace
}  // namespace grouter
