// Everything a step needs that may run ahead of it: its plan, its tokens, its layout; made on a thread of its
// own while earlier steps compute.
#ifndef GROUTER_TRAINER_PIPELINE_STEP_FEED_H_
#define GROUTER_TRAINER_PIPELINE_STEP_FEED_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "client/plan_source.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "io/mutex.h"
#include "trainer/experts/expert_store.h"
#include "trainer/model/language_model.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {

// The tokens behind one table of a job.
struct TokenSource {
  std::shared_ptr<const IndexedDataset> dataset;
  std::shared_ptr<const SampleIndex> index;
};

// One step, ready to run.
struct StepBatch {
  std::shared_ptr<const StepPart> part;
  std::shared_ptr<const PlacementEpoch> placement;
  std::vector<MicroBatchInput> micro_batches;
  std::shared_ptr<IndexUpload> upload;  // of all arrays the device reads; null where its memory is the host's
};

struct StepFeedOptions {
  uint64_t first_step = 0;
  uint64_t end_step = 0;    // past the last
  uint32_t depth = 2;       // steps made ahead
  bool with_routes = true;  // mode plan
  uint32_t num_experts_per_tok = 0;
  Device* device = &CpuDevice();  // which reads the batches; outlives the feed and them
};

// Makes steps in order, at most `depth` ahead of what Next returned. One thread calls Next. The source, which
// must outlive the feed, is used by the feed's thread alone.
class StepFeed {
 public:
  // `tokens` are in the order of the job's tables; `log` may be null.
  StepFeed(PlanSource* source, std::vector<TokenSource> tokens, const StepFeedOptions& options,
           StepEventLog* log);
  // Closes the source if the thread still waits for it.
  ~StepFeed();

  // The next step; blocks until it is ready. OUT_OF_RANGE past end_step; errors are the source's,
  // DATA_LOSS when tokens differ from what the plan was made for, INTERNAL from laying out.
  absl::StatusOr<std::unique_ptr<StepBatch>> Next();

  // One step, made here and now: what the thread does. Its indices are being copied to the device when it is
  // there; BeginBatch makes what is queued after it wait for them. `pool` may be null where memory is the
  // host's.
  static absl::StatusOr<std::unique_ptr<StepBatch>> Make(PlanSource& source,
                                                         const std::vector<TokenSource>& tokens,
                                                         const StepFeedOptions& options, uint64_t step,
                                                         StepEventLog* log, UploadPool* pool = nullptr);

 private:
  void Run();

  PlanSource* const source_;
  const std::vector<TokenSource> tokens_;
  const StepFeedOptions options_;
  StepEventLog* const log_;
  const std::shared_ptr<UploadPool> pool_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<absl::StatusOr<std::unique_ptr<StepBatch>>> ready_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void BeginBatch(Device& device, const StepBatch& batch);

// The order in which a step touches this rank's stored experts: per micro-batch layers forward, then (with
// `train`) backward reversed; then once to sum gradients and once, reversed, to update. Empty without routes.
std::vector<StoredExpert> ExpertAccesses(const StepBatch& batch,
                                         const std::vector<uint32_t>& layer_group_of_layer,
                                         uint32_t num_slots, bool train);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_STEP_FEED_H_
