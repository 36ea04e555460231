// What `grouter table inspect` and `stats` show: values, and the same as JSON. Reads the shards' statistics,
// never routes.
#ifndef GROUTER_ROUTING_TABLE_COMMANDS_REPORT_H_
#define GROUTER_ROUTING_TABLE_COMMANDS_REPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct ReportOptions {
  uint32_t num_ranks = 0;            // balancedness for contiguous placement over so many ranks; 0: left out
  bool coactivation = false;         // `stats --html`: the co-activation matrix of each layer group
  uint32_t coactivation_bins = 128;  // experts are summed into at most so many rows
  std::function<void(uint64_t done, uint64_t total)> progress;  // layer groups; may be empty
};

struct LayerGroupReport {
  uint32_t layer_group = 0;
  std::vector<uint64_t> load;  // token selections per expert
  uint64_t num_tokens = 0;
  uint64_t num_missing = 0;
  double mean_k = 0;  // selections per token that has a route
  double max_vio = 0;
  double entropy_bits = 0;    // of the load; log2(E) when it is even
  uint32_t dead_experts = 0;  // never chosen
  double balancedness = 0;    // over ranks, when asked for
  bool coactivation_exact = true;
  std::vector<std::vector<double>> coactivation;  // [bin][bin], share of tokens, symmetric
};

struct TableReport {
  std::string path, tier, content_digest, weight_type, causality;
  uint64_t num_samples = 0, num_tokens = 0, stored_bytes = 0;
  uint32_t num_experts = 0, k = 0, num_layer_groups = 0, id_width = 0, num_ranks = 0;
  bool per_token_k = false, token_crcs_known = false;
  std::string tokenizer_digest, router_digest, sample_index_digest, parent_digest;  // "" when unknown
  std::vector<DataSplit> splits;
  std::vector<std::string> domains, provenance;
  std::vector<LayerGroupReport> layer_groups;
};

// Header and provenance only when `with_statistics` is false, so that it is quick for any table.
absl::StatusOr<TableReport> MakeTableReport(const RoutingTable& table, bool with_statistics,
                                            const ReportOptions& options = {});
// One line of JSON, keys as the fields are called.
std::string TableReportJson(const TableReport& report);
// For people: some lines of text, with one for each layer group.
std::string TableReportText(const TableReport& report);
// For people: the load of every expert, as a share of the mean, a block of lines for each layer group.
std::string ExpertLoadText(const TableReport& report);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COMMANDS_REPORT_H_
