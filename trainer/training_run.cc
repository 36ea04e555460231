#include "trainer/training_run.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/checkpoint/checkpoint.h"
#include "trainer/collectives/in_process.h"
#include "trainer/pipeline/evaluator.h"
#include "trainer/pipeline/index_plan_source.h"
#include "trainer/pipeline/metrics_log.h"
#include "trainer/pipeline/step_feed.h"
#include "trainer/pipeline/step_optimizer.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t MicrosSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

// One rank's run: its parts in the order they are made.
class Run {
 public:
  Run(const TrainerConfig& config, Collectives& world, const MakePlanSource& make_plan_source,
      const TrainingHooks& hooks)
      : config_(config),
        world_(world),
        make_plan_source_(make_plan_source),
        hooks_(hooks),
        own_log_(config.timeline_steps),
        log_(hooks.log != nullptr ? hooks.log : &own_log_),
        device_(hooks.device != nullptr ? *hooks.device : CpuDevice()) {}

  absl::StatusOr<TrainingSummary> Train();

 private:
  absl::Status OpenTokens();
  absl::Status OpenPlans();
  absl::Status CheckJob(const JobSpec& spec, absl::string_view name) const;
  absl::Status MakeGroups();
  absl::Status MakeModel();
  absl::Status Resume();
  absl::StatusOr<std::unique_ptr<PlanSource>> MakeSource(const PlansConfig& plans, const std::string& split,
                                                         bool train);
  StepFeedOptions FeedOptions(uint64_t first_step, uint64_t end_step) const;
  std::vector<const LayerPlacement*> PlacementOfLayer() const;
  absl::Status MoveTo(const Placement& placement);
  // A step that was launched and whose numbers were not read yet.
  struct LaunchedStep {
    uint64_t step = 0;
    StepScale scale;
    uint64_t num_samples = 0;
    double rate = 0;
    uint64_t waited_us = 0;
  };
  absl::Status Step(uint64_t step, StepFeed* feed);
  absl::Status CollectStep();
  absl::Status Validate(uint64_t updates_done);
  absl::Status Save(uint64_t next_step);
  absl::Status WriteTimeline() const;
  bool learned() const { return config_.mode == RoutingMode::kLearned; }

  const TrainerConfig& config_;
  Collectives& world_;
  const MakePlanSource& make_plan_source_;
  const TrainingHooks& hooks_;
  StepEventLog own_log_;
  StepEventLog* const log_;
  Device& device_;

  std::vector<TokenSource> tokens_;
  std::unique_ptr<PlanSource> source_;
  std::unique_ptr<PlanSource> valid_source_;  // null: nothing is validated
  uint32_t ep_size_ = 1;
  uint64_t num_steps_ = 0;
  uint64_t first_step_ = 0;
  std::vector<uint32_t> layer_group_of_layer_;
  std::unique_ptr<Collectives> ep_group_;
  std::unique_ptr<Collectives> peers_;
  Placement placement_;  // where the experts are now, [layer groups]
  std::unique_ptr<ExpertStore> experts_;
  std::unique_ptr<DenseParameters> dense_;
  std::unique_ptr<LanguageModel> model_;
  std::unique_ptr<StepOptimizer> optimizer_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<MetricsLog> metrics_;  // rank 0
  std::deque<LaunchedStep> launched_;
  Clock::time_point step_begin_;  // of the step whose numbers come next
  TrainingState state_;
  TrainingSummary summary_;
};

absl::Status Run::OpenTokens() {
  for (const DatasetConfig& dataset : config_.datasets) {
    TokenSource source;
    GROUTER_ASSIGN_OR_RETURN(source.dataset, IndexedDataset::Open(dataset.prefix));
    GROUTER_ASSIGN_OR_RETURN(source.index, SampleIndex::Open(dataset.sample_index));
    tokens_.push_back(std::move(source));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PlanSource>> Run::MakeSource(const PlansConfig& plans,
                                                            const std::string& split, bool train) {
  if (!plans.job.empty()) {
    if (make_plan_source_ == nullptr) {
      return Error(absl::StatusCode::kInvalidArgument,
                   "a job is named where samples come from the index alone", plans.job, "leave job out");
    }
    return make_plan_source_(plans, world_.rank());
  }
  IndexPlanOptions options;
  options.split = split;
  options.samples_per_step = config_.batch.samples_per_step;
  options.num_micro_batches = config_.batch.num_micro_batches;
  options.num_steps = train ? config_.num_steps : 0;
  options.shuffle = train;
  options.seed = config_.seed;
  options.rank = world_.rank();
  options.world_size = world_.size();
  return MakeIndexPlanSource(tokens_[0].index, options);
}

absl::Status Run::CheckJob(const JobSpec& spec, absl::string_view name) const {
  const JobDraft& job = spec.draft;
  if (job.topology.world_size() != world_.size()) {
    return Error(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the job is for ", job.topology.world_size(), " ranks, this world has ", world_.size()),
        name, "start as many trainers as the job's topology has ranks, or make another job");
  }
  if (learned()) return absl::OkStatus();
  if (job.model.layer_group_of_layer.size() != config_.model.num_hidden_layers ||
      job.model.hidden_size != config_.model.hidden_size) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("the job's model has ", job.model.layer_group_of_layer.size(),
                              " MoE layers of width ", job.model.hidden_size, ", this one ",
                              config_.model.num_hidden_layers, " of width ", config_.model.hidden_size),
                 name, "give the trainer the model the job was made for");
  }
  return absl::OkStatus();
}

absl::Status Run::OpenPlans() {
  GROUTER_ASSIGN_OR_RETURN(source_, MakeSource(config_.train, config_.train_split, /*train=*/true));
  if (!config_.train.job.empty()) GROUTER_RETURN_IF_ERROR(CheckJob(source_->spec(), config_.train.job));
  ep_size_ = source_->spec().draft.ep_size;
  num_steps_ = source_->num_steps();
  if (config_.num_steps != 0) num_steps_ = std::min(num_steps_, config_.num_steps);
  layer_group_of_layer_ = source_->spec().draft.model.layer_group_of_layer;
  if (learned() || layer_group_of_layer_.empty())
    layer_group_of_layer_.assign(config_.model.num_hidden_layers, 0);
  if (!config_.valid.job.empty()) {
    GROUTER_ASSIGN_OR_RETURN(valid_source_, MakeSource(config_.valid, "", /*train=*/false));
    GROUTER_RETURN_IF_ERROR(CheckJob(valid_source_->spec(), config_.valid.job));
  } else if (learned() && config_.train.job.empty()) {
    const DataSplit* split = tokens_[0].index->FindSplit(config_.valid_split);
    if (split != nullptr && split->num_samples > 0) {
      GROUTER_ASSIGN_OR_RETURN(valid_source_, MakeSource({}, config_.valid_split, /*train=*/false));
    }
  }
  return absl::OkStatus();
}

absl::Status Run::MakeGroups() {
  std::vector<uint32_t> group, peers;
  for (uint32_t rank = 0; rank < world_.size(); ++rank) {
    if (rank / ep_size_ == world_.rank() / ep_size_) group.push_back(rank);
    if (rank % ep_size_ == world_.rank() % ep_size_) peers.push_back(rank);
  }
  GROUTER_ASSIGN_OR_RETURN(ep_group_, world_.Subgroup(group, "ep"));
  if (peers.size() > 1) {
    GROUTER_ASSIGN_OR_RETURN(peers_, world_.Subgroup(peers, "peers"));
  } else {
    peers_ = std::move(MakeInProcessCollectives(1)[0]);
  }
  return absl::OkStatus();
}

std::vector<const LayerPlacement*> Run::PlacementOfLayer() const {
  std::vector<const LayerPlacement*> placements;
  for (uint32_t group : layer_group_of_layer_) placements.push_back(&placement_[group]);
  return placements;
}

absl::Status Run::MakeModel() {
  const ModelConfig& model = config_.model;
  const JobDraft& job = source_->spec().draft;
  if (learned()) {
    placement_ = {LayerPlacement::Contiguous(model.num_experts, ep_size_)};
  } else {
    GROUTER_ASSIGN_OR_RETURN(const auto epoch, source_->PlacementAt(first_step_));
    placement_ = epoch->placement;
    for (const LayerPlacement& placement : placement_) {
      if (placement.num_experts() != model.num_experts) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("the job places ", placement.num_experts(), " experts, the model has ",
                                  model.num_experts),
                     config_.train.job, "give the trainer the model the job was made for");
      }
    }
  }
  ExpertStoreOptions store;
  store.shape = model.expert_shape();
  store.num_layers = model.num_hidden_layers;
  store.num_slots = learned() ? 0 : job.model.num_slots_per_rank;
  store.num_slots = std::max(store.num_slots, (model.num_experts + ep_size_ - 1) / ep_size_);
  for (const LayerPlacement& placement : placement_) {
    store.num_slots = std::max(store.num_slots, placement.num_slots(ep_group_->rank()));
  }
  store.num_resident = config_.num_resident_experts;
  store.device = &device_;
  if (config_.backing_in_file) {
    store.backing_file = JoinPath(config_.out, absl::StrCat("experts.rank", world_.rank(), ".bin"));
    GROUTER_RETURN_IF_ERROR(FileSystem::Local().MakeFolders(config_.out));
    GROUTER_RETURN_IF_ERROR(FileSystem::Local().Remove(store.backing_file));
  }
  GROUTER_ASSIGN_OR_RETURN(experts_, ExpertStore::Create(store, log_));
  GROUTER_ASSIGN_OR_RETURN(DenseParameters dense, DenseParameters::Create(model, device_));
  dense_ = std::make_unique<DenseParameters>(std::move(dense));
  const DispatchContext context = {ep_group_.get(), &device_, experts_.get(), log_};
  LanguageModelOptions options;
  options.config = model;
  options.mode = config_.mode;
  options.layer_group_of_layer = layer_group_of_layer_;
  options.learned.balance_coefficient = static_cast<float>(config_.balance_coefficient);
  options.learned.z_coefficient = static_cast<float>(config_.z_coefficient);
  LiveDispatch& live = options.learned.dispatch;
  live.num_chunks = config_.train.job.empty() ? config_.batch.num_chunks : job.batch.num_chunks;
  live.protocol = job.protocol;
  live.blocks = EpGroupsOf(job.topology, ep_size_)[world_.rank() / ep_size_];
  options.learned.placement = &placement_[0];
  options.learned.ep_group = ep_group_.get();
  options.learned.world = &world_;
  model_ = std::make_unique<LanguageModel>(options, context, dense_.get());
  StepOptimizerContext optimizer;
  optimizer.world = &world_;
  optimizer.replicas = {ep_group_.get(), peers_.get(), experts_.get()};
  optimizer.dense = dense_.get();
  optimizer.log = log_;
  optimizer.mismatch = model_->mismatch();
  optimizer_ = std::make_unique<StepOptimizer>(config_.optimizer, optimizer);
  if (valid_source_ != nullptr) {
    EvaluatorContext evaluator;
    evaluator.source = valid_source_.get();
    evaluator.tokens = tokens_;
    uint64_t steps = valid_source_->num_steps();
    if (config_.eval_steps != 0) steps = std::min(steps, config_.eval_steps);
    evaluator.feed = FeedOptions(0, steps);
    evaluator.layer_group_of_layer = layer_group_of_layer_;
    evaluator.model = model_.get();
    evaluator.experts = experts_.get();
    evaluator.world = &world_;
    evaluator.compare_routes = learned();
    evaluator_ = std::make_unique<Evaluator>(std::move(evaluator));
  }
  return absl::OkStatus();
}

absl::Status Run::Resume() {
  const uint32_t ep_rank = ep_group_->rank();
  const std::vector<const LayerPlacement*> placements = PlacementOfLayer();
  if (state_.next_step == 0 && config_.resume.empty()) {
    GROUTER_RETURN_IF_ERROR(dense_->Initialize(config_.model, config_.seed));
    std::vector<float> weights(config_.model.expert_shape().size());
    for (uint32_t layer = 0; layer < placements.size(); ++layer) {
      for (uint32_t slot = 0; slot < placements[layer]->num_slots(ep_rank); ++slot) {
        const uint32_t expert = placements[layer]->ExpertAt({ep_rank, slot});
        if (expert == kEmptySlot) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, experts_->Acquire({layer, slot}));
        InitializeExpert(config_.model, layer, expert, config_.seed, weights.data());
        const absl::Status status = WriteFloats(device_, page.weights, weights.data(), weights.size());
        experts_->Release({layer, slot}, true);
        GROUTER_RETURN_IF_ERROR(status);
      }
    }
    return absl::OkStatus();
  }
  GROUTER_ASSIGN_OR_RETURN(state_, LoadCheckpoint(config_.resume, {&config_.model, dense_.get(),
                                                                   experts_.get(), placements, ep_rank}));
  return optimizer_->set_num_updates(state_.num_updates);
}

StepFeedOptions Run::FeedOptions(uint64_t first_step, uint64_t end_step) const {
  StepFeedOptions options;
  options.first_step = first_step;
  options.end_step = end_step;
  options.depth = config_.train.plans_ahead;
  options.with_routes = !learned();
  options.num_experts_per_tok = config_.model.num_experts_per_tok;
  options.device = &device_;
  return options;
}

absl::Status Run::MoveTo(const Placement& placement) {
  if (placement == placement_) return absl::OkStatus();
  const ScopedEvent event(log_, EventKind::kMigrate, {state_.next_step});
  for (uint32_t layer = 0; layer < layer_group_of_layer_.size(); ++layer) {
    const uint32_t group = layer_group_of_layer_[layer];
    const LayerPlacement& to = placement[group];
    if (to.num_slots(ep_group_->rank()) > experts_->options().num_slots) {
      return Error(absl::StatusCode::kFailedPrecondition, "a placement epoch needs more slots than the first",
                   absl::StrCat("layer ", layer), "set num_slots_per_rank in the job");
    }
    GROUTER_RETURN_IF_ERROR(MigrateExperts(*ep_group_, *experts_, placement_[group], to, layer));
  }
  placement_ = placement;
  return absl::OkStatus();
}

absl::Status Run::Step(uint64_t step, StepFeed* feed) {
  const auto begin = Clock::now();
  GROUTER_ASSIGN_OR_RETURN(const std::unique_ptr<StepBatch> batch, feed->Next());
  const uint64_t waited_us = MicrosSince(begin);
  if (launched_.empty()) step_begin_ = begin;
  const ScopedEvent event(log_, EventKind::kStep, {step});
  if (!learned()) GROUTER_RETURN_IF_ERROR(MoveTo(batch->placement->placement));
  experts_->Announce(
      step, ExpertAccesses(*batch, layer_group_of_layer_, experts_->options().num_slots, /*train=*/true));
  const StepScale scale = {batch->part->num_loss_tokens, batch->part->num_tokens};
  BeginBatch(device_, *batch);
  for (uint32_t m = 0; m < batch->micro_batches.size(); ++m) {
    EventPlace place;
    place.step = step;
    place.micro_batch = m;
    GROUTER_RETURN_IF_ERROR(model_->Train(place, batch->micro_batches[m], scale, optimizer_->sums()));
  }
  LaunchedStep launched;
  launched.step = step;
  launched.scale = scale;
  launched.num_samples = batch->part->num_samples;
  launched.rate = LearningRateAt(config_.optimizer, step, num_steps_);
  launched.waited_us = waited_us;
  GROUTER_RETURN_IF_ERROR(optimizer_->Launch(step, launched.rate, PlacementOfLayer()));
  launched_.push_back(launched);
  // Numbers of the step before, read while the device works on this one. Where everything queued is done,
  // there is nothing to hide and this step's are read too.
  while (launched_.size() > (device_.is_host() ? 0 : 1)) GROUTER_RETURN_IF_ERROR(CollectStep());
  return absl::OkStatus();
}

// Reads the earliest launched step's numbers and reports them.
absl::Status Run::CollectStep() {
  const LaunchedStep launched = launched_.front();
  launched_.pop_front();
  GROUTER_ASSIGN_OR_RETURN(const StepNumbers numbers, optimizer_->Collect());
  const uint64_t step = launched.step;
  const StepScale& scale = launched.scale;
  source_->Finished(step);
  const double loss =
      scale.num_loss_tokens == 0 ? 0 : numbers.loss_sum / static_cast<double>(scale.num_loss_tokens);
  const uint64_t step_us = std::max<uint64_t>(MicrosSince(step_begin_), 1);
  step_begin_ = Clock::now();
  state_.next_step = step + 1;
  state_.consumed_samples += launched.num_samples;
  state_.consumed_tokens += scale.num_tokens;
  state_.num_updates = optimizer_->num_updates();
  summary_.tokens += scale.num_tokens;
  summary_.seconds += static_cast<double>(step_us) * 1e-6;
  summary_.waited_us += launched.waited_us;
  ++summary_.steps_done;
  if (!numbers.applied) ++summary_.skipped_updates;
  summary_.steps.push_back({step, loss, numbers.gradient_norm});
  if (metrics_ == nullptr) return absl::OkStatus();
  if (hooks_.progress) hooks_.progress(step + 1, num_steps_, loss);
  std::vector<std::pair<std::string, double>> values = {
      {"train_loss", loss},
      {"gradient_norm", numbers.gradient_norm},
      {"learning_rate", launched.rate},
      {"step_ms", static_cast<double>(step_us) / 1000},
      {"plan_wait_ms", static_cast<double>(launched.waited_us) / 1000},
      {"tokens_per_s", static_cast<double>(scale.num_tokens) * 1e6 / static_cast<double>(step_us)},
  };
  if (learned()) {
    values.emplace_back("balance_loss", numbers.balance_loss);
    values.emplace_back("z_loss", numbers.z_loss);
  }
  return metrics_->Append(step, state_.consumed_tokens, values);
}

absl::Status Run::Validate(uint64_t updates_done) {
  if (evaluator_ == nullptr) return absl::OkStatus();
  if (!learned()) {
    GROUTER_ASSIGN_OR_RETURN(const auto epoch, valid_source_->PlacementAt(0));
    GROUTER_RETURN_IF_ERROR(MoveTo(epoch->placement));
  }
  GROUTER_ASSIGN_OR_RETURN(const Evaluation evaluation, evaluator_->Run());
  ValidationPoint point;
  point.step = updates_done;
  point.tokens = state_.consumed_tokens;
  point.valid_loss = evaluation.loss;
  point.route_exact_match = evaluation.route_exact_match;
  summary_.validations.push_back(point);
  if (metrics_ == nullptr) return absl::OkStatus();
  std::vector<std::pair<std::string, double>> values = {{"valid_loss", evaluation.loss}};
  for (size_t layer = 0; layer < point.route_exact_match.size(); ++layer) {
    values.emplace_back(absl::StrCat("route_exact_match_layer", layer), point.route_exact_match[layer]);
  }
  return metrics_->Append(updates_done, state_.consumed_tokens, values);
}

absl::Status Run::Save(uint64_t next_step) {
  GROUTER_ASSIGN_OR_RETURN(
      summary_.last_checkpoint,
      SaveCheckpoint(JoinPath(config_.out, "checkpoints"),
                     {&config_.model, dense_.get(), experts_.get(), PlacementOfLayer(), ep_group_->rank()},
                     state_, world_));
  return absl::OkStatus();
}

absl::Status Run::WriteTimeline() const {
  const std::string name =
      world_.rank() == 0 ? "timeline.json" : absl::StrCat("timeline.rank", world_.rank(), ".json");
  return WriteFileAtomically(FileSystem::Local(), JoinPath(config_.out, name), log_->ToJson(world_.rank()));
}

absl::StatusOr<TrainingSummary> Run::Train() {
  GROUTER_RETURN_IF_ERROR(OpenTokens());
  GROUTER_RETURN_IF_ERROR(OpenPlans());
  state_.job_digest = source_->job_digest().Hex();
  state_.seed = config_.seed;
  state_.num_steps = num_steps_;
  if (!config_.resume.empty()) {
    const std::string path = JoinPath(config_.resume, "state.json");
    GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(path, 1 << 20));
    GROUTER_ASSIGN_OR_RETURN(const TrainingState saved, TrainingState::FromJson(json, path));
    const auto& continues = source_->spec().draft.continues;
    if (saved.job_digest == state_.job_digest) {
      first_step_ = saved.next_step;
    } else if (!continues.has_value() || continues->job.Hex() != saved.job_digest) {
      return Error(absl::StatusCode::kFailedPrecondition, "the checkpoint is of another job", path,
                   "resume with its job, or make a job that continues it");
    }
  }
  GROUTER_RETURN_IF_ERROR(MakeGroups());
  GROUTER_RETURN_IF_ERROR(MakeModel());
  GROUTER_RETURN_IF_ERROR(Resume());
  state_.job_digest = source_->job_digest().Hex();
  state_.next_step = first_step_;
  FileSystem& files = FileSystem::Local();
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(JoinPath(config_.out, "checkpoints")));
  if (world_.rank() == 0) {
    GROUTER_ASSIGN_OR_RETURN(metrics_, MetricsLog::Open(JoinPath(config_.out, "metrics.jsonl"), first_step_));
  }
  GROUTER_RETURN_IF_ERROR(world_.Barrier());
  summary_.num_steps = num_steps_;
  if (first_step_ == 0 && config_.eval_interval != 0) GROUTER_RETURN_IF_ERROR(Validate(0));
  StepFeed feed(source_.get(), tokens_, FeedOptions(first_step_, num_steps_), log_);
  for (uint64_t step = first_step_; step < num_steps_; ++step) {
    GROUTER_RETURN_IF_ERROR(Annotate(Step(step, &feed), absl::StrCat("step ", step)));
    const uint64_t done = step + 1;
    const bool last = done == num_steps_ || done == config_.stop_after;
    const bool validates = last || (config_.eval_interval != 0 && done % config_.eval_interval == 0);
    const bool saves = last || (config_.checkpoint_interval != 0 && done % config_.checkpoint_interval == 0);
    while ((validates || saves) && !launched_.empty()) GROUTER_RETURN_IF_ERROR(CollectStep());
    if (validates) GROUTER_RETURN_IF_ERROR(Validate(done));
    if (saves) GROUTER_RETURN_IF_ERROR(Save(done));
    if (last) break;
  }
  GROUTER_RETURN_IF_ERROR(WriteTimeline());
  if (summary_.seconds > 0) {
    summary_.tokens_per_second = static_cast<double>(summary_.tokens) / summary_.seconds;
  }
  return summary_;
}

}  // namespace

absl::StatusOr<TrainingSummary> RunTraining(const TrainerConfig& config, Collectives& world,
                                            const MakePlanSource& make_plan_source,
                                            const TrainingHooks& hooks) {
  GROUTER_RETURN_IF_ERROR(config.Validate());
  TrainerConfig resolved = config;
  if (config.resume == "latest") {
    GROUTER_ASSIGN_OR_RETURN(resolved.resume, LatestCheckpoint(JoinPath(config.out, "checkpoints")));
  }
  // What LibTorch throws, and memory that is not there, as a value.
  try {
    return Run(resolved, world, make_plan_source, hooks).Train();
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted, "no memory for the model's buffers", "training",
                 "hold fewer experts resident, use smaller micro-batches, or train on more ranks");
  } catch (const std::exception& error) {
    const absl::string_view text = error.what();
    return Error(absl::StatusCode::kInternal, text.substr(0, text.find('\n')), "training",
                 "look at the device's state, then resume from the last checkpoint");
  }
}

}  // namespace grouter
