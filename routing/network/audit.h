// What a router may look at, established by trying: later tokens are replaced and the routes compared. A
// router or a table is called causal because of this, not because a file says so.
#ifndef GROUTER_ROUTING_NETWORK_AUDIT_H_
#define GROUTER_ROUTING_NETWORK_AUDIT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct AuditOptions {
  uint64_t num_samples = 16;  // spread evenly over the source; those with fewer than 2 tokens are passed over
  uint32_t cuts_per_sample = 4;    // random places t
  double margin_tolerance = 1e-4;  // in score units: below it a k-th expert may change with the last bits
  uint64_t seed = 1;
};

// Counts are of tokens.
struct AuditReport {
  uint64_t num_samples = 0;
  uint64_t num_cuts = 0;

  // Every token after t replaced by a random one, at the same shape: routes up to t, compared bit for bit.
  uint64_t compared = 0;
  uint64_t changed = 0;      // any id or weight differs: 0 is what causal means
  uint64_t changed_ids = 0;  // the set of experts differs
  // Only token t + 1 replaced: how often the experts of token t itself change. The label of a causal language
  // model leaks this often.
  uint64_t next_token_changed_ids = 0;  // of num_cuts

  // cross_document = false: every token of the other documents replaced; routes of a document, bit for bit.
  uint64_t context_compared = 0;
  uint64_t context_changed = 0;

  // Online: the first t + 1 tokens routed alone, as generation does, against their routes in the whole
  // sample.
  uint64_t online_compared = 0;
  uint64_t online_near_ties = 0;  // different experts, margin below the tolerance
  uint64_t online_different = 0;  // different experts beyond it

  bool causal() const { return compared > 0 && changed == 0 && online_different == 0; }
  bool keeps_context_rule() const { return context_changed == 0; }
  double leak() const {
    return compared == 0 ? 0 : static_cast<double>(changed_ids) / static_cast<double>(compared);
  }
  double next_token_leak() const {
    return num_cuts == 0 ? 0 : static_cast<double>(next_token_changed_ids) / static_cast<double>(num_cuts);
  }
  std::string ToJson() const;
};

// Deterministic. INVALID_ARGUMENT when no sample has two tokens.
absl::StatusOr<AuditReport> AuditRouter(const Router& router, const SampleSource& samples,
                                        const AuditOptions& options = {},
                                        const ProgressCallback& progress = {});

// Marks the router as established and keeps the report in its history. FAILED_PRECONDITION when the report
// does not say what the router claims to be.
absl::Status EstablishCausality(const AuditReport& report, Router* router);

// A stored table against its router: routes of some samples computed anew. `samples` is the whole index the
// table was made from, in its order. On the machine that made the table everything is equal.
struct TableAuditReport {
  uint64_t num_samples = 0;
  uint64_t compared = 0;
  uint64_t near_ties = 0;
  uint64_t different = 0;
  uint64_t missing = 0;  // tokens whose route the table does not have
  std::string ToJson() const;
};
// FAILED_PRECONDITION when the table names another router.
absl::StatusOr<TableAuditReport> AuditTable(const Router& router, const RoutingTable& table,
                                            const SampleSource& samples, const AuditOptions& options = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_AUDIT_H_
