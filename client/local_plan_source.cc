#include "client/local_plan_source.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

class LocalPlanSource : public PlanSource {
 public:
  LocalPlanSource(std::shared_ptr<const BatchPlanner> planner, uint32_t rank)
      : planner_(std::move(planner)), rank_(rank) {}

  const JobSpec& spec() const override { return planner_->spec(); }
  const Digest& job_digest() const override { return planner_->job_digest(); }
  uint32_t rank() const override { return rank_; }
  uint64_t num_steps() const override { return planner_->num_steps(); }

  absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
    if (closed_) return Closed();
    GROUTER_ASSIGN_OR_RETURN(StepPart part, planner_->PlanStep(step, rank_));
    return std::make_shared<const StepPart>(std::move(part));
  }

  absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step,
                                                                   uint32_t micro_batch) override {
    if (closed_) return Closed();
    GROUTER_ASSIGN_OR_RETURN(MicroBatchPlan plan, planner_->PlanMicroBatch(step, rank_, micro_batch));
    return std::make_shared<const MicroBatchPlan>(std::move(plan));
  }

  absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override {
    if (closed_) return Closed();
    if (step >= planner_->num_steps()) {
      return Error(absl::StatusCode::kOutOfRange,
                   absl::StrCat("step ", step, " is past the end; the last is ", planner_->num_steps() - 1));
    }
    const PlacementSchedule& schedule = planner_->schedule();
    // The planner owns the schedule: the pointer shares it.
    return std::shared_ptr<const PlacementEpoch>(planner_, &schedule.epochs[schedule.EpochOf(step)]);
  }

  void Finished(uint64_t) override {}
  void Close() override { closed_ = true; }

 private:
  static absl::Status Closed() { return absl::CancelledError("the plan source was closed"); }

  const std::shared_ptr<const BatchPlanner> planner_;
  const uint32_t rank_;
  std::atomic<bool> closed_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<PlanSource>> MakeLocalPlanSource(std::shared_ptr<const BatchPlanner> planner,
                                                                uint32_t rank) {
  const uint32_t world = planner->spec().draft.topology.world_size();
  if (rank >= world) {
    return Error(absl::StatusCode::kOutOfRange, absl::StrCat("no rank ", rank, "; the last is ", world - 1));
  }
  return std::unique_ptr<PlanSource>(std::make_unique<LocalPlanSource>(std::move(planner), rank));
}

absl::StatusOr<std::unique_ptr<PlanSource>> MakeLocalPlanSource(
    JobSpec spec, std::vector<std::shared_ptr<const RoutingTable>> tables,
    std::shared_ptr<const PlacementSchedule> schedule, uint32_t rank) {
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<const BatchPlanner> planner,
                           BatchPlanner::Create(std::move(spec), std::move(tables), std::move(schedule)));
  return MakeLocalPlanSource(std::shared_ptr<const BatchPlanner>(std::move(planner)), rank);
}

}  // namespace grouter
