// Jobs for tests: small, valid, and different for every seed.
#ifndef GROUTER_TESTS_TESTING_SMALL_JOB_H_
#define GROUTER_TESTS_TESTING_SMALL_JOB_H_

#include <memory>
#include <vector>

#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "tests/testing/fake_routing_table.h"

namespace grouter {
namespace testing {

// A draft whose every field is drawn from `seed`; Validate() is OK. Its tables do not exist.
JobDraft RandomDraft(uint64_t seed);

// A planner over fake tables, everything that made it kept.
struct SmallJob {
  std::vector<std::shared_ptr<FakeRoutingTable>> tables;
  JobSpec spec;
  std::shared_ptr<const PlacementSchedule> schedule;
  std::vector<std::shared_ptr<const RoutingTable>> const_tables() const {
    return {tables.begin(), tables.end()};
  }
};

// Fills in what follows from the tables (digests, layer groups when none are named, allow flags as the tables
// need them) and makes a schedule of one epoch: experts in order on the ranks, or with `replicas` spare slots
// a rank that hold further copies at random.
SmallJob MakeJob(const std::vector<FakeTableOptions>& tables, JobDraft draft, uint32_t replicas = 0);

// Job and tables of random shape: uneven nodes, any protocol and policy, k_t from 0, missing routes,
// replicas.
SmallJob RandomJob(uint64_t seed);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_SMALL_JOB_H_
