// Runs a router over a corpus: every sample of a sample index, into a routing table.
#ifndef GROUTER_ROUTING_NETWORK_ROUTE_H_
#define GROUTER_ROUTING_NETWORK_ROUTE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/network/audit.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct RouteOptions {
  std::string table_path;  // the table's folder
  WeightType weight_type = WeightType::kFloat32;
  uint64_t shard_tokens = uint64_t{4} << 20;  // a shard holds whole samples, at least so many tokens
  uint32_t num_threads = 2;                   // 1 or more
  AuditOptions audit;  // run first: a router that looks ahead never makes a causal table
};

struct RouteReport {
  Digest table_digest;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint64_t num_tokens_routed = 0;  // by this run; the rest lay there already
  uint64_t num_shards = 0;
  uint64_t num_shards_kept = 0;
  uint64_t num_near_ties = 0;  // routed tokens whose margin is below audit.margin_tolerance
  double seconds = 0;          // of routing, without the audit
  double tokens_per_second = 0;
  double max_vio = 0;  // of the whole table
  AuditReport audit;

  std::string ToJson() const;
};

// The table's bytes are a function of router, corpus and options but num_threads. Shards that are complete
// are kept, so a run that was interrupted goes on. The router must have been loaded or stored (its digest
// goes into the table). Errors: INVALID_ARGUMENT (tokenizer, context rule or vocabulary of router and corpus
// differ), FAILED_PRECONDITION (the audit says the router is not what it claims), CANCELLED, those of samples
// and builder.
absl::StatusOr<RouteReport> RouteCorpus(const Router& router, std::shared_ptr<const IndexedDataset> dataset,
                                        std::shared_ptr<const SampleIndex> index, const RouteOptions& options,
                                        const ProgressCallback& progress = {},
                                        FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_ROUTE_H_
