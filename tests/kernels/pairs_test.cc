#include "kernels/pairs.h"

#include <gtest/gtest.h>

#include <vector>

namespace grouter {
namespace {

// Rows of one number, then the slots of two pairs, then their weights.
struct Sorted {
  Sorted(const std::vector<float>& rows, int64_t num_rows, std::vector<uint32_t> first_pair)
      : row(first_pair.back(), -1), column(row), weight(row.size(), -1), scratch(first_pair.size()) {
    SortPairsArgs args;
    args.num_rows = num_rows;
    args.row_pairs = 2;
    args.row_stride = 5;
    args.num_slots = static_cast<int64_t>(first_pair.size()) - 1;
    args.notes = rows.data() + 1;
    args.first_pair = first_pair.data();
    args.scratch = scratch.data();
    args.row = row.data();
    args.column = column.data();
    args.weight = weight.data();
    args.mismatch = &mismatch;
    cpu::SortPairs(args);
  }
  std::vector<int32_t> row, column;
  std::vector<float> weight;
  std::vector<uint32_t> scratch;
  int32_t mismatch = 0;
};

TEST(SortPairs, OrdersPairsBySlotThenRow) {
  const std::vector<float> rows = {9, 0, 2, 0.1f, 0.2f, 9, 2, -1, 0.3f, 0, 9, 0, 1, 0.4f, 0.5f};
  const Sorted sorted(rows, 3, {0, 2, 3, 5});
  EXPECT_EQ(sorted.row, (std::vector<int32_t>{0, 2, 2, 0, 1}));
  EXPECT_EQ(sorted.column, (std::vector<int32_t>{0, 4, 5, 1, 2}));
  EXPECT_EQ(sorted.weight, (std::vector<float>{0.1f, 0.4f, 0.5f, 0.2f, 0.3f}));
  EXPECT_EQ(sorted.mismatch, 0);
}

TEST(SortPairs, RowsThatBelieTheirAnnouncementAreMarkedAndLeavePlacesThatAreSafe) {
  const std::vector<float> row = {9, 0, 1, 0.1f, 0.2f};
  for (const std::vector<uint32_t>& announced :
       {std::vector<uint32_t>{0, 1, 1}, {0, 1, 3}, {0, 0, 1}, {0, 2, 3}, {0, 1}}) {
    const Sorted sorted(row, 1, announced);
    EXPECT_EQ(sorted.mismatch, 1);
    for (int32_t r : sorted.row) EXPECT_EQ(r, 0);
  }
  EXPECT_EQ(Sorted(row, 1, {0, 1, 2}).mismatch, 0);
}

TEST(PackPairs, NotesSlotsAndWeightsAndGradientsComeBackToTheirChoices) {
  const std::vector<uint32_t> first = {0, 1, 3};
  const std::vector<int32_t> slot = {4, 0, 2}, choice = {5, 1, 0};
  const std::vector<float> weights = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
  std::vector<float> rows(2 * 5, 9);
  cpu::PackPairs({2, 2, 5, first.data(), slot.data(), choice.data(), weights.data(), rows.data() + 1});
  EXPECT_EQ(rows, (std::vector<float>{9, 4, -1, 0.6f, 0, 9, 0, 2, 0.2f, 0.1f}));

  const std::vector<int32_t> row = {1, 1, 0}, column = {2, 3, 0};
  const std::vector<float> dweight = {1, 2, 3};
  std::vector<float> notes(2 * 3, -7);
  cpu::PackPairGradients({3, 2, 3, row.data(), column.data(), dweight.data(), notes.data() + 1});
  EXPECT_EQ(notes, (std::vector<float>{-7, 3, -7, -7, 1, 2}));
  std::vector<float> dweights(6, 0);
  cpu::UnpackPairGradients({2, 3, first.data(), choice.data(), notes.data() + 1, dweights.data()});
  EXPECT_EQ(dweights, (std::vector<float>{2, 1, 0, 0, 0, 3}));
}

// Rows of one number, then three pairs' slots and weights; the block's two ranks have slots 0-1 and 2-4.
struct Relayed {
  Relayed(const std::vector<float>& rows, int64_t num_rows, std::vector<uint32_t> first_row,
          int64_t out_pairs = 2)
      : row(first_row.back(), -1), column(row), count(row), out(row.size() * (1 + 2 * out_pairs), 9) {
    RelayPairsArgs args;
    args.num_rows = num_rows;
    args.row_pairs = 3;
    args.row_stride = 7;
    args.num_ranks = 2;
    args.first_slot = first_slot.data();
    args.first_row = first_row.data();
    args.notes = rows.data() + 1;
    args.out_pairs = out_pairs;
    args.out_stride = 1 + 2 * out_pairs;
    args.out_notes = out.data() + 1;
    args.scratch = scratch.data();
    args.row = row.data();
    args.column = column.data();
    args.count = count.data();
    args.mismatch = &mismatch;
    cpu::RelayPairs(args);
  }
  const std::vector<uint32_t> first_slot = {0, 2, 5};
  std::vector<uint32_t> scratch = {0, 0};
  std::vector<int32_t> row, column, count;
  std::vector<float> out;
  int32_t mismatch = 0;
};

TEST(RelayPairs, ForwardsARowOnceToEachRankOfItsPairsWithThatRanksSlots) {
  const std::vector<float> rows = {7,    1, 2, 4, 0.1f, 0.2f, 0.3f, 7,    3,    -1,  -1,
                                   0.4f, 0, 0, 7, 0,    1,    2,    0.5f, 0.6f, 0.7f};
  const Relayed relayed(rows, 3, {0, 2, 5});
  EXPECT_EQ(relayed.mismatch, 0);
  EXPECT_EQ(relayed.row, (std::vector<int32_t>{0, 2, 0, 1, 2}));
  EXPECT_EQ(relayed.column, (std::vector<int32_t>{0, 6, 1, 3, 8}));
  EXPECT_EQ(relayed.count, (std::vector<int32_t>{1, 2, 2, 1, 1}));
  EXPECT_EQ(relayed.out, (std::vector<float>{9, 1, -1, 0.1f, 0,     //
                                             9, 0, 1,  0.5f, 0.6f,  //
                                             9, 0, 2,  0.2f, 0.3f,  //
                                             9, 1, -1, 0.4f, 0,     //
                                             9, 0, -1, 0.7f, 0}));

  const std::vector<float> gradients = {9, 1, 0, 9, 2, 3, 9, 4, 5, 9, 6, 0, 9, 7, 0};
  std::vector<float> back(3 * 4, 0);
  cpu::RelayPairGradients({5, 3, 3, 4, relayed.row.data(), relayed.column.data(), relayed.count.data(),
                           gradients.data() + 1, back.data() + 1});
  EXPECT_EQ(back, (std::vector<float>{0, 1, 4, 5, 0, 6, 0, 0, 0, 2, 3, 7}));
}

TEST(RelayPairs, RowsThatBelieTheirAnnouncementAreMarkedAndLeavePlacesThatAreSafe) {
  const std::vector<float> row = {7, 1, 2, 4, 0.1f, 0.2f, 0.3f}, unknown = {7, 0, 2, 5, 0.1f, 0.2f, 0.3f};
  EXPECT_EQ(Relayed(row, 1, {0, 1, 2}).mismatch, 0);
  EXPECT_EQ(Relayed(unknown, 1, {0, 1, 2}).mismatch, 1);
  EXPECT_EQ(Relayed(row, 1, {0, 1, 2}, /*out_pairs=*/1).mismatch, 1);
  for (const std::vector<uint32_t>& announced :
       {std::vector<uint32_t>{0, 1, 1}, {0, 0, 1}, {0, 2, 3}, {0, 1, 4}, {0, 0, 0}}) {
    const Relayed relayed(row, 1, announced);
    EXPECT_EQ(relayed.mismatch, 1);
    for (int32_t r : relayed.row) EXPECT_EQ(r, 0);
    for (int32_t c : relayed.count) EXPECT_TRUE(c >= 0 && c <= 2);
  }
}

}  // namespace
}  // namespace grouter
