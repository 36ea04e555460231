// Runs of tokens that every byte kernel must count alike.
#ifndef GROUTER_TESTS_ROUTING_PLANNING_COUNTING_BYTE_CASES_H_
#define GROUTER_TESTS_ROUTING_PLANNING_COUNTING_BYTE_CASES_H_

#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/planning/counting/byte_kernel.h"

namespace grouter {
namespace testing {

// Compares `kernel` with counting bit by bit, over k, one table and two, table lengths, ids past the last
// expert, and lengths (one past the longest run between two extractions among them).
template <typename Kernel>
void ExpectByteCounts(Kernel kernel) {
  Random random(11);
  for (int round = 0; round < 120; ++round) {
    ByteRun run;
    run.k = round % 2 == 0 ? 8 : 4;
    run.short_table = round % 4 < 2;
    run.num_tables = 1 + round / 4 % 2;
    run.num_tokens = static_cast<uint32_t>(round < 8 ? 270000 : random.Below(3000));
    std::vector<uint8_t> tables(256 * run.num_tables, 0), ids(run.num_tokens * run.k);
    for (uint32_t t = 0; t < run.num_tables; ++t) {
      for (uint32_t e = 0; e < (run.short_table ? 128 : 256); ++e) {
        tables[256 * t + e] = static_cast<uint8_t>(random.Next() & random.Next());
      }
    }
    for (uint8_t& id : ids) id = static_cast<uint8_t>(random.Below(256));
    run.ids = ids.data();
    run.tables = tables.data();
    std::vector<uint32_t> expected(8 * run.num_tables, 3), counts = expected;
    for (uint32_t at = 0; at < run.num_tokens; ++at) {
      for (uint32_t c = 0; c < expected.size(); ++c) {
        uint32_t bits = 0;
        for (uint32_t j = 0; j < run.k; ++j) bits |= tables[c / 8 * 256 + ids[at * run.k + j]];
        expected[c] += bits >> c % 8 & 1;
      }
    }
    kernel(run, counts.data());
    ASSERT_EQ(counts, expected) << "round " << round;
  }
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_PLANNING_COUNTING_BYTE_CASES_H_
