// Makes the placement schedule of a whole run: the search for which experts live together.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_PLACE_EXPERTS_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_PLACE_EXPERTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

enum class GroupingPolicy : uint8_t {
  kSearch = 0,          // local search on co-activation, then on the tokens of some samples
  kSampleClusters = 1,  // the Grouter paper's pipeline (sample_clusters.h); the load cap is not its subject
  kLevel = 2,           // by load alone, as EPLB places (balance_replicas.h); kSearch tries it too
  kJoint = 3,  // with some samples at once (joint_node.h), for EP groups on one node; kSearch tries it too
};

// `iterations` is the budget: swaps tried, never seconds; more are never worse.
struct PlaceOptions {
  uint64_t iterations = 4000000;
  bool one_grouping_per_layer_group = true;
  double load_cap = 1.25;  // hard: busiest rank / mean over the run
  GroupingPolicy policy = GroupingPolicy::kSearch;
};

// Reads the tables' statistics, and the routes of a bounded number of samples spread over the run: tokens are
// sent once per destination, which pairs cannot say. Of the placements found, the one of least load above the
// cap, then of least predicted time. Deterministic: a function of its arguments. All problems at once:
// INVALID_ARGUMENT (the draft's values), FAILED_PRECONDITION (tables that do not match it, slots or memory
// that do not suffice, kJoint for a group on several nodes).
absl::StatusOr<PlacementSchedule> PlaceExperts(const JobDraft& draft,
                                               const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                               const PlaceOptions& options);

// Steps, spread over the run, by whose mean PlaceExperts judges placements; fewer where steps are large.
uint64_t JudgedSteps(const JobDraft& draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_PLACE_EXPERTS_H_
