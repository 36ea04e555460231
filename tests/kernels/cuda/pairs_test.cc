#include "kernels/pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

// Rows with random pairs, as they leave a rank.
struct Rows {
  Rows(uint64_t seed, int64_t num_rows, int64_t num_slots, int64_t row_pairs) {
    Random random(seed);
    for (int64_t r = 0; r < num_rows; ++r) {
      uint64_t count = random.Below(std::min(row_pairs, num_slots) + 1);
      for (int64_t s = 0; s < num_slots && count > 0; ++s) {
        if (random.Below(num_slots - s) >= count) continue;
        slot.push_back(static_cast<int32_t>(s));
        --count;
      }
      first.push_back(static_cast<uint32_t>(slot.size()));
    }
    for (size_t p = 0; p < slot.size(); ++p) choice.push_back(static_cast<int32_t>(slot.size() - 1 - p));
    weights = RandomFloats(seed + 1, slot.size());
    announced.assign(num_slots + 1, 0);
    for (int32_t s : slot) ++announced[s + 1];
    for (int64_t s = 0; s < num_slots; ++s) announced[s + 1] += announced[s];
  }
  std::vector<uint32_t> first = {0};
  std::vector<int32_t> slot, choice;
  std::vector<float> weights;
  std::vector<uint32_t> announced;
};

TEST(CudaPairs, PackSortAndTheWayBackAreTheCpuTwinsBits) {
  const DeviceKernels kernels;
  for (const auto& [num_rows, num_slots, row_pairs] :
       {std::array<int64_t, 3>{0, 3, 2}, {1, 1, 1}, {70, 5, 3}, {150, 9, 4}}) {
    const Rows rows(static_cast<uint64_t>(num_rows), num_rows, num_slots, row_pairs);
    const int64_t stride = 2 * row_pairs + 3;
    const auto num_pairs = static_cast<int64_t>(rows.slot.size());
    std::vector<float> notes(num_rows * stride + 1, 9);
    const DeviceArray<uint32_t> on_first(rows.first), on_announced(rows.announced), on_scratch(num_slots);
    const DeviceArray<int32_t> on_slot(rows.slot), on_choice(rows.choice), on_row(num_pairs),
        on_column(num_pairs), on_mismatch(1);
    const DeviceArray<float> on_weights(rows.weights), on_notes(notes), on_weight(num_pairs);
    cpu::PackPairs({num_rows, row_pairs, stride, rows.first.data(), rows.slot.data(), rows.choice.data(),
                    rows.weights.data(), notes.data() + 1});
    kernels->PackPairs({num_rows, row_pairs, stride, on_first.data(), on_slot.data(), on_choice.data(),
                        on_weights.data(), on_notes.data() + 1});
    EXPECT_EQ(on_notes.values(), notes);

    std::vector<int32_t> row(num_pairs), column(num_pairs), mismatch(1);
    std::vector<float> weight(num_pairs);
    std::vector<uint32_t> scratch(num_slots);
    cpu::SortPairs({num_rows, row_pairs, stride, num_slots, notes.data() + 1, rows.announced.data(),
                    scratch.data(), row.data(), column.data(), weight.data(), mismatch.data()});
    kernels->SortPairs({num_rows, row_pairs, stride, num_slots, on_notes.data() + 1, on_announced.data(),
                        on_scratch.data(), on_row.data(), on_column.data(), on_weight.data(),
                        on_mismatch.data()});
    EXPECT_EQ(on_row.values(), row);
    EXPECT_EQ(on_column.values(), column);
    EXPECT_EQ(on_weight.values(), weight);
    EXPECT_EQ(on_mismatch.values()[0], 0);

    const auto dweight = RandomFloats(7, num_pairs);
    std::vector<float> dweights(num_pairs);
    const DeviceArray<float> on_dweight(dweight), on_dweights(num_pairs);
    cpu::PackPairGradients(
        {num_pairs, row_pairs, stride, row.data(), column.data(), dweight.data(), notes.data() + 1});
    kernels->PackPairGradients({num_pairs, row_pairs, stride, on_row.data(), on_column.data(),
                                on_dweight.data(), on_notes.data() + 1});
    EXPECT_EQ(on_notes.values(), notes);
    cpu::UnpackPairGradients(
        {num_rows, stride, rows.first.data(), rows.choice.data(), notes.data() + 1, dweights.data()});
    kernels->UnpackPairGradients(
        {num_rows, stride, on_first.data(), on_choice.data(), on_notes.data() + 1, on_dweights.data()});
    EXPECT_EQ(on_dweights.values(), dweights);
  }
}

TEST(CudaPairs, RelayedRowsAndTheirGradientsAreTheCpuTwinsBits) {
  const DeviceKernels kernels;
  const std::vector<uint32_t> first_slot = {0, 3, 3, 7, 9};  // one rank has no slot
  for (const auto& [num_rows, row_pairs] : {std::array<int64_t, 2>{0, 2}, {1, 1}, {70, 3}, {300, 6}}) {
    const Rows rows(static_cast<uint64_t>(num_rows) + 5, num_rows, 9, row_pairs);
    const int64_t stride = 2 * row_pairs + 3, out_pairs = std::min<int64_t>(row_pairs, 4);
    const int64_t out_stride = 2 * out_pairs + 1, back_stride = row_pairs + 2;
    std::vector<float> notes(num_rows * stride + 1, 9);
    cpu::PackPairs({num_rows, row_pairs, stride, rows.first.data(), rows.slot.data(), rows.choice.data(),
                    rows.weights.data(), notes.data() + 1});
    std::vector<uint32_t> first_row(5, 0);
    for (int64_t r = 0; r < num_rows; ++r) {
      for (size_t q = 0; q < 4; ++q) {
        const auto in_rank = [&](int32_t slot) {
          return slot >= static_cast<int32_t>(first_slot[q]) &&
                 slot < static_cast<int32_t>(first_slot[q + 1]);
        };
        first_row[q + 1] +=
            std::any_of(rows.slot.begin() + rows.first[r], rows.slot.begin() + rows.first[r + 1], in_rank);
      }
    }
    for (size_t q = 0; q < 4; ++q) first_row[q + 1] += first_row[q];
    const int64_t num_out = first_row[4];
    std::vector<float> out(num_out * out_stride + 1, 9), back(num_rows * back_stride + 1, 0);
    const auto gradients = RandomFloats(3, num_out * out_stride + 1);
    std::vector<int32_t> row(num_out), column(num_out), count(num_out), mismatch(1);
    std::vector<uint32_t> scratch(4);
    const DeviceArray<float> on_notes(notes), on_out(out), on_back(back), on_gradients(gradients);
    const DeviceArray<uint32_t> on_first_slot(first_slot), on_first_row(first_row), on_scratch(4);
    const DeviceArray<int32_t> on_row(num_out), on_column(num_out), on_count(num_out), on_mismatch(1);
    cpu::RelayPairs({num_rows, row_pairs, stride, 4, first_slot.data(), first_row.data(), notes.data() + 1,
                     out_pairs, out_stride, out.data() + 1, scratch.data(), row.data(), column.data(),
                     count.data(), mismatch.data()});
    kernels->RelayPairs({num_rows, row_pairs, stride, 4, on_first_slot.data(), on_first_row.data(),
                         on_notes.data() + 1, out_pairs, out_stride, on_out.data() + 1, on_scratch.data(),
                         on_row.data(), on_column.data(), on_count.data(), on_mismatch.data()});
    EXPECT_EQ(mismatch[0], 0);
    EXPECT_EQ(on_mismatch.values()[0], 0);
    EXPECT_EQ(on_row.values(), row);
    EXPECT_EQ(on_column.values(), column);
    EXPECT_EQ(on_count.values(), count);
    EXPECT_EQ(on_out.values(), out);
    cpu::RelayPairGradients({num_out, row_pairs, out_stride, back_stride, row.data(), column.data(),
                             count.data(), gradients.data() + 1, back.data() + 1});
    kernels->RelayPairGradients({num_out, row_pairs, out_stride, back_stride, on_row.data(), on_column.data(),
                                 on_count.data(), on_gradients.data() + 1, on_back.data() + 1});
    EXPECT_EQ(on_back.values(), back);
  }
}

TEST(CudaPairs, RelayedRowsThatBelieTheirAnnouncementAreMarkedAndLeavePlacesThatAreSafe) {
  const DeviceKernels kernels;
  const std::vector<uint32_t> first_slot = {0, 2, 5};
  const std::vector<float> notes = {1, 2, 4, 0.1f, 0.2f, 0.3f};
  for (const std::vector<uint32_t>& announced :
       {std::vector<uint32_t>{0, 1, 1}, {0, 0, 1}, {0, 2, 3}, {0, 1, 4}, {0, 0, 0}}) {
    const auto num_out = announced.back();
    const DeviceArray<float> on_notes(notes), on_out(num_out * 4);
    const DeviceArray<uint32_t> on_first_slot(first_slot), on_first_row(announced), on_scratch(2);
    const DeviceArray<int32_t> on_row(num_out), on_column(num_out), on_count(num_out), on_mismatch(1);
    kernels->RelayPairs({1, 3, 6, 2, on_first_slot.data(), on_first_row.data(), on_notes.data(), 2, 4,
                         on_out.data(), on_scratch.data(), on_row.data(), on_column.data(), on_count.data(),
                         on_mismatch.data()});
    EXPECT_EQ(on_mismatch.values()[0], 1);
    EXPECT_EQ(on_row.values(), std::vector<int32_t>(num_out, 0));
  }
}

TEST(CudaPairs, RowsThatBelieTheirAnnouncementAreMarkedAndLeavePlacesThatAreSafe) {
  const DeviceKernels kernels;
  const std::vector<float> notes = {0, 1, 0.1f, 0.2f};
  for (const std::vector<uint32_t>& announced :
       {std::vector<uint32_t>{0, 1, 1}, {0, 1, 3}, {0, 0, 1}, {0, 2, 3}, {0, 1}}) {
    const auto num_slots = static_cast<int64_t>(announced.size()) - 1;
    const DeviceArray<float> on_notes(notes), on_weight(3);
    const DeviceArray<uint32_t> on_announced(announced), on_scratch(2);
    const DeviceArray<int32_t> on_row(std::vector<int32_t>{0, 0, 0}), on_column(3), on_mismatch(1);
    kernels->SortPairs({1, 2, 4, num_slots, on_notes.data(), on_announced.data(), on_scratch.data(),
                        on_row.data(), on_column.data(), on_weight.data(), on_mismatch.data()});
    EXPECT_EQ(on_mismatch.values()[0], 1);
    EXPECT_EQ(on_row.values(), (std::vector<int32_t>{0, 0, 0}));
  }
}

}  // namespace
}  // namespace grouter
