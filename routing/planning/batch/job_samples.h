// Which samples each step of a job has: its tables' splits in the job's order, from where it begins to where
// it ends, composed where the job asks for it.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_JOB_SAMPLES_H_
#define GROUTER_ROUTING_PLANNING_BATCH_JOB_SAMPLES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch/composition.h"
#include "routing/planning/batch/sample_order.h"
#include "routing/planning/job.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Immutable; thread-safe; shares the tables.
class JobSamples {
 public:
  // REQUIRES: CheckTables(draft, tables) is OK.
  JobSamples(const JobDraft& draft, std::vector<std::shared_ptr<const RoutingTable>> tables);
  JobSamples(const JobSamples&) = delete;
  JobSamples& operator=(const JobSamples&) = delete;

  // At least 1; the last may have fewer samples than the others.
  uint64_t num_steps() const {
    return (end_position_ - first_position_ + samples_per_step_ - 1) / samples_per_step_;
  }
  // Samples consumed before `step`, those of the jobs that this one continues included.
  uint64_t FirstPosition(uint64_t step) const { return first_position_ + step * samples_per_step_; }
  // In the job's order. Errors are the tables' (DATA_LOSS). REQUIRES: step < num_steps().
  absl::StatusOr<std::vector<SampleRef>> OfStep(uint64_t step) const;

  const std::vector<std::shared_ptr<const RoutingTable>>& tables() const { return tables_; }

 private:
  const std::vector<std::shared_ptr<const RoutingTable>> tables_;
  const uint64_t samples_per_step_;
  std::vector<DataSplit> splits_;  // [tables]
  SampleOrder order_;
  std::unique_ptr<const ComposedOrder> composed_;  // nullptr: the uniform shuffle
  uint64_t first_position_ = 0;
  uint64_t end_position_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_JOB_SAMPLES_H_
