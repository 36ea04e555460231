// A routing table becomes files of other formats: `grouter table export`.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_EXPORT_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_EXPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct ExportOptions {
  // As ImportOptions::format. Lossless but for "reference", which sorts ids and scores apart.
  std::string format;
  // A file; for "megatron" and "reference" a prefix (PREFIX.ids, PREFIX.weights); for "npy" the ids, with
  // .seq_len.npy and .weights.npy beside it in place of .npy.
  std::string output;
  // Records (sample, layer group) read; twice where ids and weights are written one after the other. May be
  // empty.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// The files written, which ImportTable takes as inputs in this order (ids, weights, lengths). Ids have the
// table's own width, or are int32 with -1 for a missing
// route and -2 in slots past k_t. Weights are f32 (a
// wider type than stored loses nothing; import with the table's weight type gives the same table). CRCs are
// checked on the way: DATA_LOSS. FAILED_PRECONDITION for a packed table, INVALID_ARGUMENT where the format
// cannot hold the table.
struct ExportReport {
  std::string ids, weights, lengths;  // paths or prefixes; empty: none
};
absl::StatusOr<ExportReport> ExportTable(const RoutingTable& table, const ExportOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_EXPORT_H_
