// Runs of tokens that every counting kernel must count alike.
#ifndef GROUTER_TESTS_ROUTING_PLANNING_COUNTING_KERNEL_CASES_H_
#define GROUTER_TESTS_ROUTING_PLANNING_COUNTING_KERNEL_CASES_H_

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/planning/counting/column_kernel.h"

namespace grouter {
namespace testing {

// Compares `kernel` with counting bit by bit, over widths, k, k_t, lengths (one past the longest run between
// two extractions among them) and ids past the end.
template <typename Kernel>
void ExpectKernelCounts(Kernel kernel) {
  Random random(9);
  for (int round = 0; round < 40; ++round) {
    const uint32_t id_width = 1 + round % 2;
    const uint32_t k = round % 4 == 0 ? 8 : round % 4 == 1 ? 4 : random.Below(17);
    const uint32_t words = 4 * (1 + random.Below(4));
    const uint32_t num_rows = id_width == 1 ? 256 : 1 + random.Below(400);
    const uint32_t num_tokens = round == 0 ? 70000 : random.Below(500);
    std::vector<uint64_t> rows(num_rows * words);
    for (uint64_t& word : rows) word = random.Next() & random.Next() & random.Next();
    std::vector<uint8_t> ids(num_tokens * k * id_width), num_topk(num_tokens);
    for (uint8_t& byte : ids) byte = random.Below(256);
    for (uint8_t& each : num_topk) each = random.Below(k + 1);
    ColumnRun run;
    run.ids = ids.data();
    run.num_topk = round % 3 == 2 ? num_topk.data() : nullptr;
    run.k = k;
    run.num_tokens = num_tokens;
    run.rows = rows.data();
    run.num_rows = num_rows;
    run.words = words;
    std::vector<uint32_t> expected(words * 64, 3), counts = expected;
    for (uint32_t t = 0; t < num_tokens; ++t) {
      std::vector<uint64_t> bits(words, 0);
      for (uint32_t j = 0; j < (run.num_topk == nullptr ? k : num_topk[t]); ++j) {
        uint32_t id = 0;
        std::memcpy(&id, &ids[(t * k + j) * id_width], id_width);
        for (uint32_t w = 0; w < words; ++w) bits[w] |= rows[std::min(id, num_rows - 1) * words + w];
      }
      for (uint32_t c = 0; c < words * 64; ++c) expected[c] += bits[c / 64] >> (c % 64) & 1;
    }
    kernel(run, id_width, counts.data());
    ASSERT_EQ(counts, expected) << "round " << round;
  }
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_PLANNING_COUNTING_KERNEL_CASES_H_
