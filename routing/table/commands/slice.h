// `grouter table slice`: part of a table as a table of its own.
#ifndef GROUTER_ROUTING_TABLE_COMMANDS_SLICE_H_
#define GROUTER_ROUTING_TABLE_COMMANDS_SLICE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct SliceOptions {
  uint64_t first_sample = 0, num_samples = UINT64_MAX;  // cut at the table's end
  uint32_t first_layer_group = 0, num_layer_groups = UINT32_MAX;
  std::string output;
  std::function<void(uint64_t done, uint64_t total)> progress;  // samples; may be empty
};

// Samples are numbered from 0 in the slice. Its sample index is made from the lengths and saved beside it as
// `sample_index`: token CRCs, domains and loss tokens of the old index are not known to it. CRCs of the
// routes are checked. OUT_OF_RANGE for an empty or outside range.
absl::StatusOr<Digest> SliceTable(const RoutingTable& table, const SliceOptions& options,
                                  FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COMMANDS_SLICE_H_
