// A registered job: its planner, what it holds open, and what people want to know about it.
#ifndef GROUTER_SERVER_REGISTRY_JOB_H_
#define GROUTER_SERVER_REGISTRY_JOB_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "routing/planning/batch_planner.h"
#include "server/registry/job_statistics.h"
#include "server/registry/workers.h"

namespace grouter {

// Thread-safe: constant values, atomics, and members that lock for themselves.
struct Job {
  Digest digest;
  std::string label;
  uint32_t generation = 0;  // length of its `continues` chain as far as this server knows it
  std::unique_ptr<const BatchPlanner> planner;
  std::vector<std::shared_ptr<const RoutingTable>> tables;
  std::atomic<int64_t> last_used_ns{0};  // steady clock
  std::atomic<bool> draining{false};     // being forgotten: no new streams
  JobStatistics statistics;
  Workers workers;

  const JobSpec& spec() const { return planner->spec(); }
  uint32_t world_size() const { return spec().draft.topology.world_size(); }
  uint32_t num_micro_batches() const { return spec().draft.batch.num_micro_batches; }
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_JOB_H_
