// Sums over the plans a server has made for one job: expert load and traffic. Each micro-batch counts once,
// however often its plan is made. Thread-safe.
#ifndef GROUTER_SERVER_REGISTRY_JOB_STATISTICS_H_
#define GROUTER_SERVER_REGISTRY_JOB_STATISTICS_H_

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "io/mutex.h"
#include "routing/planning/batch_planner.h"

namespace grouter {

struct JobSums {
  absl::optional<uint64_t> newest_step;                   // planned
  uint64_t micro_batches = 0;                             // counted
  std::vector<std::vector<uint64_t>> expert_load;         // [layer group][expert] (token, expert) pairs
  std::vector<std::vector<uint64_t>> rank_load;           // [layer group][world rank] pairs received
  std::vector<std::vector<uint64_t>> rows_between_ranks;  // [world rank][world rank]; empty in large worlds
  std::vector<std::vector<uint64_t>> rows_between_nodes;  // [node][node]
  uint64_t rows = 0;
  uint64_t rows_on_rank = 0;  // that stay where they are
  uint64_t rows_on_node = 0;  // these and those that stay inside a node
};

class JobStatistics {
 public:
  // Plans of all world ranks for one micro-batch.
  void Count(const BatchPlanner& planner, const std::vector<MicroBatchPlan>& plans);
  JobSums Read() const;

 private:
  mutable Mutex mutex_;
  std::set<std::pair<uint64_t, uint32_t>> counted_ ABSL_GUARDED_BY(mutex_);
  std::pair<uint64_t, uint32_t> forgotten_ ABSL_GUARDED_BY(mutex_){0, 0};  // before it, all count as seen
  JobSums sums_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_JOB_STATISTICS_H_
