// A routing table on disk for the tests of `grouter table`.
#ifndef GROUTER_TESTS_TOOLS_TABLE_SMALL_TABLE_H_
#define GROUTER_TESTS_TOOLS_TABLE_SMALL_TABLE_H_

#include <string>

#include "tests/testing/tables/random_table.h"
#include "tests/tools/command/run_program.h"

namespace grouter {
namespace testing {

// 8 experts, k 2, weights f32, six samples.
inline std::shared_ptr<const RoutingTable> MakeSmallTable(const std::string& path, uint64_t seed = 1) {
  RandomTableOptions options;
  options.seed = seed;
  options.lengths = {10, 3, 20, 1, 7, 12};
  options.header.weight_type = WeightType::kFloat32;
  options.num_shards = 2;
  return MakeRandomTable(options, path);
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TOOLS_TABLE_SMALL_TABLE_H_
