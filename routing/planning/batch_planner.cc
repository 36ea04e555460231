#include "routing/planning/batch_planner.h"

#include <algorithm>
#include <deque>
#include <map>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "io/mutex.h"
#include "routing/planning/batch/job_samples.h"
#include "routing/planning/batch/memory_model.h"
#include "routing/planning/batch/rank_plan.h"
#include "routing/planning/batch/step_transfers.h"
#include "routing/planning/batch/traffic_cache.h"
#include "routing/planning/job_check.h"

namespace grouter {
namespace {

constexpr size_t kKeptSteps = 8;

absl::Status PastEnd(absl::string_view what, uint64_t value, uint64_t count) {
  return Error(absl::StatusCode::kOutOfRange,
               absl::StrCat(what, " ", value, " is past the last, ", count - 1), "plan key",
               "ask for what the job has");
}

// Cuts planes to the bytes that the view's tokens take, so that a plan's payload holds nothing else. False
// when a plane is too short.
bool TrimPlanes(RouteView* view) {
  const uint64_t ids = uint64_t{view->num_tokens} * view->k;
  const auto trim = [](absl::string_view* plane, uint64_t bytes) {
    if (plane->size() < bytes) return false;
    *plane = plane->substr(0, bytes);
    return true;
  };
  if (!view->missing.empty()) {
    if (view->missing.size() < view->first_bit / 8) return false;
    view->missing.remove_prefix(view->first_bit / 8);
    view->first_bit %= 8;
    if (!trim(&view->missing, (uint64_t{view->first_bit} + view->num_tokens + 7) / 8)) return false;
  } else {
    view->first_bit = 0;
  }
  return trim(&view->ids, ids * view->id_width) &&
         (view->weights.empty() || trim(&view->weights, ids * WeightBytes(view->weight_type))) &&
         (view->num_topk.empty() || trim(&view->num_topk, view->num_tokens));
}

class Planner : public BatchPlanner {
 public:
  Planner(JobSpec spec, std::vector<std::shared_ptr<const RoutingTable>> tables,
          std::shared_ptr<const PlacementSchedule> schedule, BatchPlannerOptions options)
      : spec_(std::move(spec)),
        job_digest_(spec_.digest()),
        tables_(std::move(tables)),
        schedule_(std::move(schedule)),
        options_(options),
        world_(WorldShape::Of(spec_.draft.topology, spec_.draft.ep_size)),
        samples_(spec_.draft, tables_),
        cache_(options.cache_bytes, 2 * batch().num_micro_batches + 2) {
    for (const PlacementEpoch& epoch : schedule_->epochs) {
      models_.push_back(std::make_unique<TrafficModel>(spec_.draft, world_, epoch.placement));
    }
    for (const auto& table : tables_) storage_.push_back(table);
  }

  const JobSpec& spec() const override { return spec_; }
  const Digest& job_digest() const override { return job_digest_; }
  const PlacementSchedule& schedule() const override { return *schedule_; }
  uint64_t num_steps() const override { return samples_.num_steps(); }
  uint64_t FirstSamplePosition(uint64_t step) const override { return samples_.FirstPosition(step); }

  absl::StatusOr<StepAssignment> Assign(uint64_t step) const override {
    GROUTER_RETURN_IF_ERROR(CheckKey(step, 0, 0));
    StepAssignment assignment;
    GROUTER_ASSIGN_OR_RETURN(assignment.samples, samples_.OfStep(step));
    assignment.by_rank.resize(world_size());
    for (uint32_t m = 0; m < batch().num_micro_batches; ++m) {
      GROUTER_ASSIGN_OR_RETURN(const auto traffic, Traffic(step, m));
      for (uint32_t r = 0; r < world_size(); ++r) {
        std::vector<SampleRef> mine;
        for (uint32_t s : traffic->SamplesOf(r)) {
          mine.push_back(SampleRef{traffic->samples()[s].table, traffic->samples()[s].sample});
        }
        assignment.by_rank[r].push_back(std::move(mine));
      }
    }
    return assignment;
  }

  absl::StatusOr<StepPart> PlanStep(uint64_t step, uint32_t rank) const override {
    GROUTER_RETURN_IF_ERROR(CheckKey(step, rank, 0));
    GROUTER_ASSIGN_OR_RETURN(StepPart part, OfAllRanks(step));
    std::vector<std::shared_ptr<const MicroBatchTraffic>> traffic;
    for (uint32_t m = 0; m < batch().num_micro_batches; ++m) {
      GROUTER_ASSIGN_OR_RETURN(auto one, Traffic(step, m));
      traffic.push_back(std::move(one));
    }
    const PlacementEpoch& epoch = schedule_->epochs[part.placement_epoch];
    PlanTransfers(*models_[part.placement_epoch], epoch.first_step == step ? &epoch.moves : nullptr, traffic,
                  rank, &part);
    return part;
  }

  absl::StatusOr<MicroBatchPlan> PlanMicroBatch(uint64_t step, uint32_t rank,
                                                uint32_t micro_batch) const override {
    GROUTER_RETURN_IF_ERROR(CheckKey(step, rank, micro_batch));
    GROUTER_ASSIGN_OR_RETURN(const auto traffic, Traffic(step, micro_batch));
    return PlanOf(*traffic, step, rank, micro_batch);
  }

  absl::StatusOr<std::vector<MicroBatchPlan>> PlanMicroBatchForAll(uint64_t step,
                                                                   uint32_t micro_batch) const override {
    GROUTER_RETURN_IF_ERROR(CheckKey(step, 0, micro_batch));
    GROUTER_ASSIGN_OR_RETURN(const auto traffic, Traffic(step, micro_batch));
    std::vector<MicroBatchPlan> plans =
        PlanForAllRanks(*models_[schedule_->EpochOf(step)], *traffic, options_.num_threads);
    for (MicroBatchPlan& plan : plans) GROUTER_RETURN_IF_ERROR(Complete(step, micro_batch, &plan));
    return plans;
  }

 private:
  const BatchShape& batch() const { return spec_.draft.batch; }
  uint32_t world_size() const { return static_cast<uint32_t>(world_.groups.size()) * spec_.draft.ep_size; }

  absl::Status CheckKey(uint64_t step, uint32_t rank, uint32_t micro_batch) const {
    if (step >= num_steps()) return PastEnd("step", step, num_steps());
    if (rank >= world_size()) return PastEnd("rank", rank, world_size());
    if (micro_batch >= batch().num_micro_batches) {
      return PastEnd("micro-batch", micro_batch, batch().num_micro_batches);
    }
    return absl::OkStatus();
  }

  // What a step part says to every rank alike. The steps asked for last are kept: with W ranks it would
  // otherwise be counted W times, over all samples of the step each time.
  absl::StatusOr<StepPart> OfAllRanks(uint64_t step) const {
    {
      MutexLock lock(&mutex_);
      const auto kept = step_parts_.find(step);
      if (kept != step_parts_.end()) return kept->second;
    }
    StepPart part;
    part.step = step;
    part.num_steps = num_steps();
    part.placement_epoch = schedule_->EpochOf(step);
    part.first_sample_position = FirstSamplePosition(step);
    GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> samples, samples_.OfStep(step));
    part.num_samples = static_cast<uint32_t>(samples.size());
    ByteWriter list;
    for (const SampleRef& ref : samples) {
      const SampleFacts facts = tables_[ref.table]->facts(ref.sample);
      part.num_tokens += facts.length;
      part.num_loss_tokens += facts.num_loss_tokens;
      list.Put<uint32_t>(ref.table);
      list.Put<uint64_t>(ref.sample);
    }
    part.sample_list_digest = Sha256(list.bytes());
    MutexLock lock(&mutex_);
    if (step_parts_.emplace(step, part).second) step_order_.push_back(step);
    while (step_order_.size() > kKeptSteps) {
      step_parts_.erase(step_order_.front());
      step_order_.pop_front();
    }
    return part;
  }

  absl::StatusOr<std::shared_ptr<const MicroBatchTraffic>> Traffic(uint64_t step,
                                                                   uint32_t micro_batch) const {
    return cache_.Get(step, micro_batch, [&] { return MakeTraffic(step, micro_batch); });
  }

  absl::StatusOr<std::shared_ptr<const MicroBatchTraffic>> MakeTraffic(uint64_t step,
                                                                       uint32_t micro_batch) const {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> all, samples_.OfStep(step));
    const uint64_t count = all.size(), parts = batch().num_micro_batches;
    std::vector<TrafficSample> samples;
    for (uint64_t i = count * micro_batch / parts; i < count * (micro_batch + 1) / parts; ++i) {
      GROUTER_ASSIGN_OR_RETURN(TrafficSample sample, ReadSample(all[i]));
      samples.push_back(std::move(sample));
    }
    return MicroBatchTraffic::Make(*models_[schedule_->EpochOf(step)], std::move(samples),
                                   options_.num_threads);
  }

  absl::StatusOr<TrafficSample> ReadSample(const SampleRef& ref) const {
    TrafficSample sample;
    sample.table = ref.table;
    sample.sample = ref.sample;
    sample.facts = tables_[ref.table]->facts(ref.sample);
    for (uint32_t l = 0; l < schedule_->epochs[0].placement.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(RouteView view, tables_[ref.table]->Routes(ref.sample, l));
      if (!TrimPlanes(&view) || view.num_tokens != sample.facts.length) {
        return Error(absl::StatusCode::kDataLoss, "a sample's length and its route planes differ",
                     absl::StrCat("table ", ref.table, ", sample ", ref.sample), "verify the table");
      }
      if (spec_.draft.gate_weights == GateWeights::kLive) {
        view.weights = absl::string_view();
        view.weight_type = WeightType::kNone;
      }
      sample.routes.push_back(view);
    }
    return sample;
  }

  absl::StatusOr<MicroBatchPlan> PlanOf(const MicroBatchTraffic& traffic, uint64_t step, uint32_t rank,
                                        uint32_t micro_batch) const {
    MicroBatchPlan plan = PlanForRank(*models_[schedule_->EpochOf(step)], traffic, rank);
    GROUTER_RETURN_IF_ERROR(Complete(step, micro_batch, &plan));
    return plan;
  }

  // Fills in what a plan's rank does not say; refuses a plan that its rank's memory does not hold.
  absl::Status Complete(uint64_t step, uint32_t micro_batch, MicroBatchPlan* plan) const {
    plan->step = step;
    plan->micro_batch = micro_batch;
    plan->storage = storage_;
    const Topology& topology = spec_.draft.topology;
    const uint64_t memory = topology.nodes[topology.NodeOf(plan->rank)].memory_bytes;
    if (memory == 0) return absl::OkStatus();
    const TrafficModel& model = *models_[schedule_->EpochOf(step)];
    const uint64_t needed =
        PlanBytes(spec_.draft.model, model.placement(), plan->rank % model.ep_size(), *plan);
    if (needed <= memory) return absl::OkStatus();
    return Error(absl::StatusCode::kResourceExhausted,
                 absl::StrCat("the plan needs ", needed, " bytes of ", memory),
                 absl::StrCat("step ", step, ", rank ", plan->rank, ", micro-batch ", micro_batch),
                 "use more micro-batches or chunks, or recompute_experts");
  }

  const JobSpec spec_;
  const Digest job_digest_;
  const std::vector<std::shared_ptr<const RoutingTable>> tables_;
  const std::shared_ptr<const PlacementSchedule> schedule_;
  const BatchPlannerOptions options_;
  const WorldShape world_;
  const JobSamples samples_;
  std::vector<std::unique_ptr<TrafficModel>> models_;  // by placement epoch
  std::vector<std::shared_ptr<const void>> storage_;
  mutable TrafficCache cache_;
  mutable Mutex mutex_;
  mutable std::map<uint64_t, StepPart> step_parts_ ABSL_GUARDED_BY(mutex_);
  mutable std::deque<uint64_t> step_order_ ABSL_GUARDED_BY(mutex_);  // the oldest first
};

}  // namespace

absl::StatusOr<std::unique_ptr<const BatchPlanner>> BatchPlanner::Create(
    JobSpec spec, std::vector<std::shared_ptr<const RoutingTable>> tables,
    std::shared_ptr<const PlacementSchedule> schedule, BatchPlannerOptions options) {
  GROUTER_RETURN_IF_ERROR(CheckTables(spec.draft, tables));
  GROUTER_RETURN_IF_ERROR(CheckSchedule(spec, *tables[0], *schedule));
  return std::unique_ptr<const BatchPlanner>(
      new Planner(std::move(spec), std::move(tables), std::move(schedule), options));
}

}  // namespace grouter
