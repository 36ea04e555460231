// Writes one shard of a routing table. A table is made by any number of independent builders, each for a
// range of samples, and one FinishTable (assemble.h).
#ifndef GROUTER_ROUTING_TABLE_BUILDER_H_
#define GROUTER_ROUTING_TABLE_BUILDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data/sample_index.h"
#include "io/file.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct TableBuilderOptions {
  std::string path;  // the table's folder; made when absent
  // sample_index_digest, splits and id_width may be left empty: they are taken from the index and E.
  TableHeader header;
  std::shared_ptr<const SampleIndex> index;
  uint64_t first_sample = 0;
  uint64_t num_samples = UINT64_MAX;  // cut at the index's end
};

// What Finish wrote. stored_bytes = route_bytes + overhead_bytes + statistics_bytes.
struct ShardSummary {
  std::string path;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint64_t route_bytes = 0;       // planes
  uint64_t overhead_bytes = 0;    // header page, offsets, leaves, CRCs, alignment
  uint64_t statistics_bytes = 0;  // facts, expert counts, load, co-activation
};

// One thread at a time. Digests, counts and writes run on threads of its own, the caller's helping; memory is
// a fixed number of batches of about 4 MiB (or of one sample, where that is larger) and about 500 bytes a
// sample. Destroyed before Finish, it leaves no shard.
class TableBuilder {
 public:
  // Removes what a killed writer of the same shard left. INVALID_ARGUMENT for a bad header or range.
  static absl::StatusOr<std::unique_ptr<TableBuilder>> Create(TableBuilderOptions options,
                                                              FileSystem& files = FileSystem::Local());
  // True when the shard that these options describe is complete already: a job that runs again skips it.
  static bool IsFinished(const TableBuilderOptions& options, FileSystem& files = FileSystem::Local());

  virtual ~TableBuilder() = default;

  // The routes of sample next_sample(): one view per layer group, each of the sample's whole length, whose
  // bytes are copied before the call returns. Unused ids and weights need not be zero; they are stored so.
  // INVALID_ARGUMENT naming sample, layer group and token: wrong length or width, an id >= E, a weight that
  // is not finite, num_topk > k, an expert twice in a token (found later, reported by a later call). After
  // an error the builder is spent.
  virtual absl::Status AddSample(absl::Span<const RouteView> layer_groups) = 0;
  virtual uint64_t next_sample() const = 0;
  // After the last sample: syncs and renames the shard into its place. FAILED_PRECONDITION when samples of
  // the range are missing.
  virtual absl::StatusOr<ShardSummary> Finish() = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_BUILDER_H_
