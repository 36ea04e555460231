#include "kernels/rows.h"

#include <gtest/gtest.h>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(Rows, GatherPicksRowsAndKeepsStrides) {
  const auto in = RandomFloats(1, 5 * 7);
  const std::vector<int32_t> index = {4, 0, 4};
  std::vector<float> out(3 * 6, -9);
  cpu::GatherRows({3, 5, 7, 6, index.data(), in.data(), out.data()});
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 5; ++j) EXPECT_EQ(out[i * 6 + j], in[index[i] * 7 + j]);
    EXPECT_EQ(out[i * 6 + 5], -9);
  }
}

TEST(Rows, ScatterAddWeighsAndAddsInOrder) {
  const std::vector<int32_t> index = {1, 1, 1, 0};
  const std::vector<float> scale = {1, 1, 1, 0.5f};
  const std::vector<float> in = {1e8f, -1e8f, 1, 4};
  std::vector<float> out = {1, 0};
  cpu::ScatterAddRows({4, 1, 1, 1, index.data(), scale.data(), in.data(), out.data()});
  EXPECT_EQ(out, (std::vector<float>{3, 1}));  // (1e8 - 1e8) + 1: another order would give 0
  cpu::ScatterAddRows({4, 1, 1, 1, index.data(), nullptr, in.data(), out.data()});
  EXPECT_EQ(out[0], 7);
}

TEST(Rows, NoRowsTouchNothing) {
  cpu::GatherRows({0, 5, 5, 5, nullptr, nullptr, nullptr});
  cpu::ScatterAddRows({0, 5, 5, 5, nullptr, nullptr, nullptr, nullptr});
}

}  // namespace
}  // namespace grouter
