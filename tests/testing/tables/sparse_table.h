// A routing table of any size on a small disk: its routes are a hole in the file, which reads as zeros.
#ifndef GROUTER_TESTS_TESTING_TABLES_SPARSE_TABLE_H_
#define GROUTER_TESTS_TESTING_TABLES_SPARSE_TABLE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "routing/table/routing_table.h"

namespace grouter {
namespace testing {

struct SparseTableOptions {
  TableHeader header;  // E, k and weight type; one layer group
  uint32_t sample_tokens = 4096;
  uint64_t num_samples = 0;
  std::string path;  // removed first
};

// Sizes, offsets, facts and section checksums are right; routes, their checksums and statistics are zeros.
// Returns the shard's path.
absl::StatusOr<std::string> MakeSparseTable(const SparseTableOptions& options);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TABLES_SPARSE_TABLE_H_
