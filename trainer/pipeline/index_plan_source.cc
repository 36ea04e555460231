#include "trainer/pipeline/index_plan_source.h"

#include <atomic>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

class IndexPlanSource : public PlanSource {
 public:
  IndexPlanSource(std::shared_ptr<const SampleIndex> index, const IndexPlanOptions& options,
                  const DataSplit& split)
      : index_(std::move(index)), options_(options), split_(split) {
    spec_.draft.tables.push_back({Digest(), index_->digest(), options.split});
    spec_.draft.topology = Topology::Uniform(1, options.world_size);
    spec_.draft.ep_size = options.world_size;
    spec_.draft.batch.samples_per_step = options.samples_per_step;
    spec_.draft.batch.num_micro_batches = options.num_micro_batches;
    spec_.draft.batch.num_steps = options.num_steps;
    spec_.draft.batch.assignment = AssignmentPolicy::kInOrder;
    spec_.draft.seed = options.seed;
    num_steps_ = options.num_steps != 0
                     ? options.num_steps
                     : (split_.num_samples + options.samples_per_step - 1) / options.samples_per_step;
    ByteWriter name;
    name.PutString("grouter index plan 1");
    name.PutDigest(index_->digest());
    name.PutString(options.split);
    name.Put<uint32_t>(options.samples_per_step);
    name.Put<uint32_t>(options.num_micro_batches);
    name.Put<uint64_t>(num_steps_);
    name.Put<uint8_t>(options.shuffle);
    name.Put<uint64_t>(options.seed);
    digest_ = Sha256(name.bytes());
  }

  const JobSpec& spec() const override { return spec_; }
  const Digest& job_digest() const override { return digest_; }
  uint32_t rank() const override { return options_.rank; }
  uint64_t num_steps() const override { return num_steps_; }

  absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<uint64_t> samples, SamplesOf(step));
    auto part = std::make_shared<StepPart>();
    part->step = step;
    part->num_steps = num_steps_;
    part->first_sample_position = step * options_.samples_per_step;
    part->num_samples = static_cast<uint32_t>(samples.size());
    ByteWriter list;
    for (uint64_t sample : samples) {
      list.Put<uint32_t>(0);
      list.Put<uint64_t>(sample);
      const Sample facts = index_->sample(sample);
      part->num_loss_tokens += facts.num_loss_tokens;
      part->num_tokens += facts.length;
    }
    part->sample_list_digest = Sha256(list.bytes());
    return std::shared_ptr<const StepPart>(std::move(part));
  }

  absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step,
                                                                   uint32_t micro_batch) override {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<uint64_t> samples, SamplesOf(step));
    if (micro_batch >= options_.num_micro_batches) {
      return Error(absl::StatusCode::kOutOfRange, absl::StrCat("no micro-batch ", micro_batch),
                   absl::StrCat("step ", step));
    }
    auto plan = std::make_shared<MicroBatchPlan>();
    plan->step = step;
    plan->rank = options_.rank;
    plan->micro_batch = micro_batch;
    // Sample i goes to rank i mod world; a rank's n-th sample to micro-batch n mod M.
    for (uint64_t i = options_.rank, n = 0; i < samples.size(); i += options_.world_size, ++n) {
      if (n % options_.num_micro_batches != micro_batch) continue;
      const Sample facts = index_->sample(samples[i]);
      PlannedSample planned;
      planned.sample = samples[i];
      planned.first_token = plan->num_tokens;
      planned.length = facts.length;
      planned.num_loss_tokens = facts.num_loss_tokens;
      planned.token_crc32c = facts.token_crc32c;
      plan->num_tokens += facts.length;
      plan->samples.push_back(planned);
    }
    return std::shared_ptr<const MicroBatchPlan>(std::move(plan));
  }

  absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override {
    return std::make_shared<const PlacementEpoch>();
  }
  void Finished(uint64_t step) override {}
  void Close() override { closed_ = true; }

 private:
  absl::StatusOr<std::vector<uint64_t>> SamplesOf(uint64_t step) const {
    if (closed_) return Error(absl::StatusCode::kCancelled, "the plan source is closed");
    if (step >= num_steps_) {
      return Error(absl::StatusCode::kOutOfRange,
                   absl::StrCat("step ", step, " is past the last, ", num_steps_ - 1));
    }
    const uint64_t begin = step * options_.samples_per_step;
    uint64_t end = begin + options_.samples_per_step;
    if (options_.num_steps == 0 && end > split_.num_samples) end = split_.num_samples;
    std::vector<uint64_t> samples, order;
    uint64_t ordered_epoch = UINT64_MAX;
    for (uint64_t position = begin; position < end; ++position) {
      const uint64_t epoch = position / split_.num_samples;
      if (epoch != ordered_epoch) {
        order.resize(split_.num_samples);
        std::iota(order.begin(), order.end(), split_.first_sample);
        if (options_.shuffle) {
          Random random(options_.seed, epoch);
          random.Shuffle(&order);
        }
        ordered_epoch = epoch;
      }
      samples.push_back(order[position % split_.num_samples]);
    }
    return samples;
  }

  const std::shared_ptr<const SampleIndex> index_;
  const IndexPlanOptions options_;
  const DataSplit split_;
  JobSpec spec_;
  Digest digest_;
  uint64_t num_steps_ = 0;
  std::atomic<bool> closed_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<PlanSource>> MakeIndexPlanSource(std::shared_ptr<const SampleIndex> index,
                                                                const IndexPlanOptions& options) {
  const DataSplit* split = index->FindSplit(options.split);
  if (split == nullptr || split->num_samples == 0) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("the sample index has no samples in split '", options.split, "'"), "split",
                 "name one of its splits, or make the corpus larger");
  }
  if (options.samples_per_step == 0 || options.num_micro_batches == 0 || options.rank >= options.world_size) {
    return Error(absl::StatusCode::kInvalidArgument, "samples_per_step and num_micro_batches must be above 0",
                 "batch", "set them in the configuration");
  }
  return std::unique_ptr<PlanSource>(new IndexPlanSource(std::move(index), options, *split));
}

}  // namespace grouter
