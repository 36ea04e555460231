#include "kernels/pairs.h"

#include <gtest/gtest.h>

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
