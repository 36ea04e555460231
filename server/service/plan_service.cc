#include "server/service/plan_service.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/codec.h"
#include "server/service/periodic_stream.h"
#include "server/service/unary.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kWatchInterval(200);

v1::MicroBatchDescription Describe(const MicroBatchPlan& plan, uint32_t ep_rank) {
  v1::MicroBatchDescription wire;
  wire.set_micro_batch(plan.micro_batch);
  for (const PlannedSample& sample : plan.samples) wire.add_samples(sample.sample);
  wire.set_num_tokens(plan.num_tokens);
  wire.set_num_pairs_sent(plan.certificate.num_pairs_sent);
  wire.set_num_pairs_received(plan.certificate.num_pairs_received);
  uint64_t rows = 0;
  uint64_t peak_bytes = 0;
  std::vector<uint64_t> to_rank;
  for (const LayerGroupPlan& group : plan.layer_groups) {
    for (const ChunkPlan& chunk : group.chunks) {
      to_rank.resize(std::max(to_rank.size(), chunk.send_splits.size()));
      for (size_t r = 0; r < chunk.send_splits.size(); ++r) {
        to_rank[r] += chunk.send_splits[r];
        rows += chunk.send_splits[r];
      }
      peak_bytes = std::max(peak_bytes, chunk.peak_bytes);
    }
  }
  wire.set_rows_sent(rows);
  wire.set_rows_sent_to_self(ep_rank < to_rank.size() ? to_rank[ep_rank] : 0);
  wire.set_peak_moe_bytes(peak_bytes);
  const uint64_t mean = plan.certificate.mean_rank_pairs;
  wire.set_rank_max_over_mean(mean == 0 ? 1.0 : static_cast<double>(plan.certificate.max_rank_pairs) / mean);
  wire.set_payload_bytes(EncodeMicroBatchPlan(plan).num_bytes());
  for (const uint64_t r : to_rank) wire.add_rows_to_rank(r);
  return wire;
}

uint64_t EndOfEpoch(const PlacementSchedule& schedule, uint32_t epoch) {
  return epoch + 1 < schedule.epochs.size() ? schedule.epochs[epoch + 1].first_step : 0;
}

absl::Status CheckStep(const Job& job, uint64_t step) {
  const uint64_t num_steps = job.planner->num_steps();
  if (step < num_steps) return absl::OkStatus();
  return Error(absl::StatusCode::kOutOfRange,
               absl::StrCat("step ", step, " is past the end; the last is ", num_steps - 1), "step");
}

}  // namespace

absl::StatusOr<v1::PlanDescription> DescribePlan(const Job& job, uint64_t step, uint32_t rank) {
  GROUTER_ASSIGN_OR_RETURN(const StepPart part, job.planner->PlanStep(step, rank));
  const JobDraft& draft = job.spec().draft;
  v1::PlanDescription wire;
  wire.set_job_digest(job.digest.Hex());
  wire.set_step(step);
  wire.set_num_steps(part.num_steps);
  wire.set_rank(rank);
  wire.set_node(draft.topology.NodeOf(rank));
  wire.set_placement_epoch(part.placement_epoch);
  wire.set_first_sample_position(part.first_sample_position);
  wire.set_num_samples(part.num_samples);
  wire.set_num_tokens(part.num_tokens);
  wire.set_num_loss_tokens(part.num_loss_tokens);
  wire.set_sample_list_digest(part.sample_list_digest.Hex());
  wire.set_num_transfers(static_cast<uint32_t>(part.transfers.size()));
  for (uint32_t m = 0; m < job.num_micro_batches(); ++m) {
    GROUTER_ASSIGN_OR_RETURN(const MicroBatchPlan plan, job.planner->PlanMicroBatch(step, rank, m));
    *wire.add_micro_batches() = Describe(plan, rank % draft.ep_size);
  }
  return wire;
}

absl::StatusOr<v1::PlacementEpoch> DescribePlacement(const Job& job, uint64_t step) {
  GROUTER_RETURN_IF_ERROR(CheckStep(job, step));
  const PlacementSchedule& schedule = job.planner->schedule();
  const uint32_t epoch = schedule.EpochOf(step);
  return ToWire(schedule.epochs[epoch], epoch, EndOfEpoch(schedule, epoch));
}

absl::StatusOr<std::shared_ptr<Job>> PlanServiceImpl::FindJob(const grpc::ServerContextBase& context,
                                                              const std::string& digest,
                                                              const char* method) const {
  GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(context, Right::kRead, method));
  return jobs_->Find(digest, caller.May(Right::kRead));
}

grpc::ServerUnaryReactor* PlanServiceImpl::DescribePlan(grpc::CallbackServerContext* context,
                                                        const v1::DescribePlanRequest* request,
                                                        v1::DescribePlanResponse* response) {
  const auto describe = [&]() -> absl::StatusOr<v1::DescribePlanResponse> {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                             FindJob(*context, request->job_digest(), "DescribePlan"));
    v1::DescribePlanResponse wire;
    GROUTER_ASSIGN_OR_RETURN(*wire.mutable_plan(),
                             grouter::DescribePlan(*job, request->step(), request->rank()));
    return wire;
  };
  return Answer(context, describe(), response);
}

grpc::ServerUnaryReactor* PlanServiceImpl::GetPlacement(grpc::CallbackServerContext* context,
                                                        const v1::GetPlacementRequest* request,
                                                        v1::GetPlacementResponse* response) {
  const auto describe = [&]() -> absl::StatusOr<v1::GetPlacementResponse> {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                             FindJob(*context, request->job_digest(), "GetPlacement"));
    v1::GetPlacementResponse wire;
    GROUTER_ASSIGN_OR_RETURN(*wire.mutable_epoch(), DescribePlacement(*job, request->step()));
    return wire;
  };
  return Answer(context, describe(), response);
}

grpc::ServerWriteReactor<v1::WatchPlacementResponse>* PlanServiceImpl::WatchPlacement(
    grpc::CallbackServerContext* context, const v1::WatchPlacementRequest* request) {
  using Stream = PeriodicStream<v1::WatchPlacementResponse>;
  const std::shared_ptr<void> permit = watches_->TryOpen();
  const absl::StatusOr<std::shared_ptr<Job>> job = FindJob(*context, request->job_digest(), "WatchPlacement");
  absl::Status refused = job.ok() ? CheckStep(**job, request->step()) : job.status();
  if (permit == nullptr) refused = Error(absl::StatusCode::kResourceExhausted, "too many watches are open");
  if (!refused.ok())
    return new Stream(watches_->timer(), kWatchInterval, [refused] {
      return Stream::Turn{absl::nullopt, refused};
    });
  uint32_t next_epoch = (*job)->planner->schedule().EpochOf(request->step());
  bool first = true;
  return new Stream(watches_->timer(), kWatchInterval,
                    [permit, job = *job, next_epoch, first, this]() mutable {
                      Stream::Turn turn;
                      const PlacementSchedule& schedule = job->planner->schedule();
                      uint64_t reached = 0;
                      for (const WorkerRecord& worker : job->workers.List())
                        reached = std::max(reached, worker.step_finished.value_or(0));
                      if (next_epoch < schedule.epochs.size() &&
                          (first || reached >= schedule.epochs[next_epoch].first_step)) {
                        first = false;
                        turn.message.emplace();
                        *turn.message->mutable_epoch() =
                            ToWire(schedule.epochs[next_epoch], next_epoch, EndOfEpoch(schedule, next_epoch));
                        ++next_epoch;
                      }
                      if (next_epoch >= schedule.epochs.size()) turn.end = absl::OkStatus();
                      if (watches_->draining) turn.end = absl::UnavailableError("the server is draining");
                      return turn;
                    });
}

}  // namespace grouter
