#include "trainer/experts/matmul.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(MatMul, EqualsTheDefinitionForAnyShapeAndTransposition) {
  SetNumMatMulThreads(1);
  for (int64_t m : {0, 1, 5}) {
    for (int64_t k : {0, 1, 7}) {
      for (int64_t n : {1, 6}) {
        for (int flags = 0; flags < 8; ++flags) {
          const bool at = flags & 1, bt = flags & 2, accumulate = flags & 4;
          const auto a = RandomFloats(1, m * k + 1), b = RandomFloats(2, k * n + 1),
                     before = RandomFloats(3, m * n + 1);
          auto out = before;
          MatMul(CpuDevice(), {a.data(), m, k, at}, {b.data(), k, n, bt}, out.data(), accumulate);
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              double sum = accumulate ? before[i * n + j] : 0;
              for (int64_t l = 0; l < k; ++l) {
                sum += double{at ? a[l * m + i] : a[i * k + l]} * (bt ? b[j * k + l] : b[l * n + j]);
              }
              EXPECT_NEAR(out[i * n + j], sum, 1e-5);
            }
          }
          EXPECT_EQ(out[m * n], before[m * n]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace grouter
