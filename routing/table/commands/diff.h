// `grouter table diff`: where two tables' routes differ.
#ifndef GROUTER_ROUTING_TABLE_COMMANDS_DIFF_H_
#define GROUTER_ROUTING_TABLE_COMMANDS_DIFF_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct DiffOptions {
  uint32_t max_examples = 10;
  std::function<void(uint64_t done, uint64_t total)> progress;  // samples; may be empty
};

struct RouteDifference {
  uint64_t sample = 0;
  uint32_t layer_group = 0;
  uint32_t token = 0;
  std::string what;  // "ids 3 5 / 3 7"
};

struct TableDiff {
  bool equal = false;                      // the same content digest
  std::vector<std::string> header_fields;  // that differ
  // Routes; counted when both have the same samples, lengths, k and layer groups (`comparable`).
  bool comparable = false;
  uint64_t num_routes = 0;         // tokens x layer groups
  uint64_t routes_differing = 0;   // ids in another order count too
  uint64_t id_sets_differing = 0;  // other experts, whatever the order
  uint64_t missing_differing = 0;
  double largest_relative_weight_error = 0;  // over routes with equal ids
  std::vector<RouteDifference> examples;
};

// Equal digests are not read further. DATA_LOSS when a table is damaged.
absl::StatusOr<TableDiff> DiffTables(const RoutingTable& a, const RoutingTable& b,
                                     const DiffOptions& options = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COMMANDS_DIFF_H_
