#include "trainer/pipeline/step_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data/sample_tokens.h"
#include "io/error.h"

namespace grouter {
namespace {

// Appends one sample's tokens, labels and segments.
absl::Status AppendSample(const TokenSource& source, const PlannedSample& planned, SampleTokens* scratch,
                          MicroBatchInput* input) {
  GROUTER_RETURN_IF_ERROR(ReadSampleTokens(*source.dataset, *source.index, planned.sample, scratch));
  if (scratch->tokens.size() != planned.length || scratch->token_crc32c() != planned.token_crc32c ||
      scratch->num_loss_tokens() != planned.num_loss_tokens) {
    return Error(absl::StatusCode::kDataLoss, "the plan was made for other tokens",
                 absl::StrCat("table ", planned.table, ", sample ", planned.sample),
                 "train with the dataset and sample index the table was routed from");
  }
  const auto base = static_cast<uint32_t>(input->tokens.size());
  const uint32_t length = planned.length;
  for (uint32_t t = 0; t < length; ++t) {
    input->tokens.push_back(static_cast<int32_t>(scratch->tokens[t]));
    input->labels.push_back(scratch->loss_mask[t] != 0 ? static_cast<int32_t>(scratch->labels[t]) : -1);
    input->positions.push_back(static_cast<int32_t>(scratch->positions[t]));
  }
  if (source.index->rules().cross_document) {
    input->segments.push_back({base, length});
    return absl::OkStatus();
  }
  for (size_t d = 0; d < scratch->document_starts.size(); ++d) {
    const uint32_t begin = scratch->document_starts[d];
    const uint32_t end = d + 1 < scratch->document_starts.size() ? scratch->document_starts[d + 1] : length;
    if (end > begin) input->segments.push_back({base + begin, end - begin});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<StepBatch>> StepFeed::Make(PlanSource& source,
                                                          const std::vector<TokenSource>& tokens,
                                                          const StepFeedOptions& options, uint64_t step,
                                                          StepEventLog* log, UploadPool* pool) {
  auto batch = std::make_unique<StepBatch>();
  const JobDraft& job = source.spec().draft;
  const uint32_t ep_rank = source.rank() % job.ep_size;
  {
    const ScopedEvent event(log, EventKind::kPlan, {step});
    GROUTER_ASSIGN_OR_RETURN(batch->part, source.Step(step));
    GROUTER_ASSIGN_OR_RETURN(batch->placement, source.PlacementAt(step));
  }
  SampleTokens scratch;
  for (uint32_t m = 0; m < job.batch.num_micro_batches; ++m) {
    std::shared_ptr<const MicroBatchPlan> plan;
    {
      const ScopedEvent event(log, EventKind::kPlan, {step, m});
      GROUTER_ASSIGN_OR_RETURN(plan, source.MicroBatch(step, m));
    }
    const ScopedEvent event(log, EventKind::kLayout, {step, m});
    MicroBatchInput input;
    for (const PlannedSample& planned : plan->samples) {
      if (planned.table >= tokens.size()) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     "the job blends more tables than datasets were given",
                     absl::StrCat("table ", planned.table), "name one dataset and sample index per table");
      }
      GROUTER_RETURN_IF_ERROR(AppendSample(tokens[planned.table], planned, &scratch, &input));
    }
    if (options.with_routes) {
      for (size_t g = 0; g < plan->layer_groups.size(); ++g) {
        GROUTER_ASSIGN_OR_RETURN(MicroBatchRoute route,
                                 RouteFromPlan(*plan, plan->layer_groups[g], batch->placement->placement[g],
                                               job, ep_rank, options.num_experts_per_tok));
        input.routes.push_back(std::move(route));
      }
    }
    batch->micro_batches.push_back(std::move(input));
  }
  if (!options.device->is_host()) {
    batch->upload = pool->Take();
    batch->upload->Begin();
    for (MicroBatchInput& input : batch->micro_batches) AddInput(&input, batch->upload.get());
    batch->upload->Start(Stream::kPlans);
  }
  return batch;
}

StepFeed::StepFeed(PlanSource* source, std::vector<TokenSource> tokens, const StepFeedOptions& options,
                   StepEventLog* log)
    : source_(source),
      tokens_(std::move(tokens)),
      options_(options),
      log_(log),
      pool_(std::make_shared<UploadPool>(*options.device)),
      thread_([this] { Run(); }) {}

StepFeed::~StepFeed() {
  bool waits = false;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    waits = !done_;
    changed_.SignalAll();
  }
  if (waits) source_->Close();
  thread_.join();
}

void StepFeed::Run() {
  const uint32_t depth = std::max<uint32_t>(options_.depth, 1);
  for (uint64_t step = options_.first_step; step < options_.end_step; ++step) {
    {
      MutexLock lock(&mutex_);
      while (!closing_ && ready_.size() >= depth) changed_.Wait(&mutex_);
      if (closing_) return;
    }
    absl::StatusOr<std::unique_ptr<StepBatch>> batch =
        Make(*source_, tokens_, options_, step, log_, pool_.get());
    MutexLock lock(&mutex_);
    const bool failed = !batch.ok();
    ready_.push_back(std::move(batch));
    if (failed || step + 1 == options_.end_step) done_ = true;
    changed_.SignalAll();
    if (failed) return;
  }
}

absl::StatusOr<std::unique_ptr<StepBatch>> StepFeed::Next() {
  MutexLock lock(&mutex_);
  while (ready_.empty()) {
    if (done_ || options_.first_step >= options_.end_step) {
      return Error(absl::StatusCode::kOutOfRange, "no step is left");
    }
    changed_.Wait(&mutex_);
  }
  absl::StatusOr<std::unique_ptr<StepBatch>> batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.SignalAll();
  return batch;
}

void BeginBatch(Device& device, const StepBatch& batch) {
  if (batch.upload != nullptr) device.Wait(Stream::kCompute, batch.upload->done());
}

std::vector<StoredExpert> ExpertAccesses(const StepBatch& batch,
                                         const std::vector<uint32_t>& layer_group_of_layer,
                                         uint32_t num_slots, bool train) {
  std::vector<StoredExpert> accesses;
  const auto num_layers = static_cast<uint32_t>(layer_group_of_layer.size());
  for (const MicroBatchInput& input : batch.micro_batches) {
    if (input.routes.empty()) return {};
    const auto add_layer = [&](uint32_t layer) {
      for (uint32_t slot = 0; slot < num_slots; ++slot) {
        if (input.routes[layer_group_of_layer[layer]].Needs(slot)) accesses.push_back({layer, slot});
      }
    };
    for (uint32_t layer = 0; layer < num_layers; ++layer) add_layer(layer);
    if (!train) continue;
    for (uint32_t layer = num_layers; layer-- > 0;) add_layer(layer);
  }
  if (!train) return accesses;
  for (uint32_t layer = 0; layer < num_layers; ++layer) {
    for (uint32_t slot = 0; slot < num_slots; ++slot) accesses.push_back({layer, slot});
  }
  for (uint32_t layer = num_layers; layer-- > 0;) {
    for (uint32_t slot = num_slots; slot-- > 0;) accesses.push_back({layer, slot});
  }
  return accesses;
}

}  // namespace grouter
