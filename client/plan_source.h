// PlanSource: where a trainer gets its plans. Implementations: local (an embedded planner, the oracle),
// gRPC (a list of servers), and decorators (prefetching, replicated). All pass one conformance suite.
#ifndef GROUTER_CLIENT_PLAN_SOURCE_H_
#define GROUTER_CLIENT_PLAN_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// Plans of one job for one world rank. Thread-safe: any call from any thread; calls may block until the plan
// is there, never beyond the implementation's deadline. What is returned is checked (certificate.h) and
// immutable, and lives as long as it is held.
//
// Errors: OUT_OF_RANGE past the last step, FAILED_PRECONDITION for a job the server cannot serve,
// DATA_LOSS for a plan that fails its check on every server, UNAVAILABLE when no server answered in time,
// CANCELLED after Close.
class PlanSource {
 public:
  virtual ~PlanSource() = default;
  virtual const JobSpec& spec() const = 0;
  virtual const Digest& job_digest() const = 0;
  virtual uint32_t rank() const = 0;
  virtual uint64_t num_steps() const = 0;
  virtual absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) = 0;
  virtual absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step,
                                                                           uint32_t micro_batch) = 0;
  // The placement in force at `step`.
  virtual absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) = 0;
  // The trainer finished `step`: flow control and the server's statistics. Never blocks.
  virtual void Finished(uint64_t step) = 0;
  // Ends blocked calls with CANCELLED. Idempotent.
  virtual void Close() = 0;
};

}  // namespace grouter

#endif  // GROUTER_CLIENT_PLAN_SOURCE_H_
