// Reads every byte of a table and says what is wrong with it.
#ifndef GROUTER_ROUTING_TABLE_VERIFY_H_
#define GROUTER_ROUTING_TABLE_VERIFY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/sample_index.h"
#include "io/file.h"
#include "routing/table/routing_table.h"
#include "routing/table/shard.h"

namespace grouter {

struct VerifyOptions {
  // When given: lengths, loss tokens, domains, splits and token CRCs must be the index's too.
  std::shared_ptr<const SampleIndex> index;
  // Called now and then with tokens done and tokens in all. May be empty.
  std::function<void(uint64_t done, uint64_t total)> progress;
  uint32_t max_findings = 100;  // verification stops there
  // Routes of a packed shard's record, which live until another sample is asked for; `sample` is counted from
  // the shard's first. Empty: packed tables are refused (packed/packed_reader.h has it).
  std::function<absl::StatusOr<RouteView>(const std::shared_ptr<const Shard>& shard, uint64_t sample,
                                          uint32_t layer_group)>
      decode;
};

struct Finding {
  std::string file;
  uint64_t offset = 0;  // byte in the file
  std::string what;
};

struct VerifyReport {
  std::vector<Finding> findings;  // empty: the table is right
  uint64_t num_shards = 0;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint64_t num_bytes = 0;
};

// Checks checksums, sizes, padding, ids, weights, canonical zeros, statistics (counted anew) and the content
// digest (computed anew), shard by shard; memory is that of the statistics. A damaged table gives findings; a
// status is for what could not be read at all (no such folder). FAILED_PRECONDITION for a packed table
// without `decode`.
absl::StatusOr<VerifyReport> VerifyTable(const std::string& path, const VerifyOptions& options = {},
                                         FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_VERIFY_H_
