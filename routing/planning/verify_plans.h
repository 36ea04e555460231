// `grouter plan verify`: all ranks of a range of steps together, by code that shares nothing with the
// planner.
#ifndef GROUTER_ROUTING_PLANNING_VERIFY_PLANS_H_
#define GROUTER_ROUTING_PLANNING_VERIFY_PLANS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct VerifyReport {
  uint64_t num_steps = 0;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint64_t num_pairs = 0;             // (token, expert) pairs, all layer groups
  uint64_t num_transfers = 0;         // between ranks
  std::vector<std::string> findings;  // empty: everything holds
};

// Where the plans come from: the planner itself (plans_of.h), or a client of a server.
struct PlansUnderTest {
  std::function<absl::StatusOr<StepPart>(uint64_t step, uint32_t rank)> step_part;
  std::function<absl::StatusOr<MicroBatchPlan>(uint64_t step, uint32_t rank, uint32_t micro_batch)>
      micro_batch;
  // The step's samples in the job's order, which its digest is over. Left empty: the digest is not checked.
  std::function<absl::StatusOr<std::vector<SampleRef>>(uint64_t step)> sample_list;
};

// Steps [first, last]. Checked: every rank's own check (certificate.h); the ranks' samples are together the
// step's samples and their digest, counts and loss tokens agree with the tables; every sample of a split
// comes once per epoch, epochs one after the other; samples per rank differ by at most one; what each rank
// sends is what the other expects, in rows, pairs and both hops; every token's k_t pairs arrive; transfers
// between ranks pair up in the listed order, so that no ring of waiting ranks can form. Stops after
// `max_findings`. An error is of the source of the plans or of a table, not a finding.
absl::StatusOr<VerifyReport> VerifyPlans(const JobSpec& spec,
                                         const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                         const PlacementSchedule& schedule, const PlansUnderTest& plans,
                                         uint64_t first, uint64_t last, size_t max_findings = 20);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_VERIFY_PLANS_H_
