#include "client/prefetching_plan_source.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "absl/types/optional.h"
#include "io/mutex.h"

namespace grouter {
namespace {

// (step, part): 0 the step part, 1 + m micro-batch m.
using Key = std::pair<uint64_t, uint32_t>;

struct Part {
  absl::Status status;
  std::shared_ptr<const StepPart> step;
  std::shared_ptr<const MicroBatchPlan> micro_batch;
};

class Prefetcher : public PrefetchingPlanSource {
 public:
  Prefetcher(std::unique_ptr<PlanSource> source, uint32_t depth)
      : source_(std::move(source)),
        depth_(depth),
        num_parts_(1 + source_->spec().draft.batch.num_micro_batches),
        num_steps_(source_->num_steps()) {
    if (depth_ > 0) thread_ = std::thread([this] { Work(); });
  }
  ~Prefetcher() override {
    Close();
    if (thread_.joinable()) thread_.join();
  }

  const JobSpec& spec() const override { return source_->spec(); }
  const Digest& job_digest() const override { return source_->job_digest(); }
  uint32_t rank() const override { return source_->rank(); }
  uint64_t num_steps() const override { return num_steps_; }

  absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
    const Part part = Get({step, 0});
    if (!part.status.ok()) return part.status;
    return part.step;
  }
  absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step,
                                                                   uint32_t micro_batch) override {
    if (micro_batch + 1 >= num_parts_) return source_->MicroBatch(step, micro_batch);
    const Part part = Get({step, micro_batch + 1});
    if (!part.status.ok()) return part.status;
    return part.micro_batch;
  }
  absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override {
    return source_->PlacementAt(step);
  }
  void Finished(uint64_t step) override {
    source_->Finished(step);
    MutexLock lock(&mutex_);
    parts_.erase(parts_.begin(), parts_.lower_bound({step + 1, 0}));
    Want(step + 1);
  }
  void Close() override {
    source_->Close();
    MutexLock lock(&mutex_);
    closed_ = true;
    changed_.SignalAll();
  }
  PrefetchMetrics metrics() const override {
    MutexLock lock(&mutex_);
    return metrics_;
  }

 private:
  // Steps [step, step + depth] are wanted next. A step behind or far ahead of what is wanted starts over
  // there.
  void Want(uint64_t step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (depth_ == 0) return;
    if (step > next_.first || !started_) {
      next_ = std::max(next_, Key{step, 0});
      if (!started_) next_ = {step, 0};
      started_ = true;
    }
    wanted_end_ = std::max(wanted_end_, std::min(step + depth_ + 1, num_steps_));
    changed_.SignalAll();
  }

  Part Get(const Key& key) {
    if (depth_ == 0 || key.first >= num_steps_) return Fetch(key);
    const auto begin = std::chrono::steady_clock::now();
    bool waited = false;
    {
      MutexLock lock(&mutex_);
      Want(key.first);
      while (!closed_) {
        const auto it = parts_.find(key);
        if (it != parts_.end()) {
          const Part part = it->second;
          if (!part.status.ok()) parts_.erase(it);  // asked again, it is fetched again
          Count(waited, begin);
          return part;
        }
        if (key != fetching_ && key < next_) break;  // let go already, or failed: fetched by the caller
        waited = true;
        changed_.Wait(&mutex_);
      }
    }
    const Part part = Fetch(key);
    MutexLock lock(&mutex_);
    Count(true, begin);
    return part;
  }

  void Count(bool waited, std::chrono::steady_clock::time_point begin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!waited) {
      ++metrics_.ready;
      return;
    }
    ++metrics_.waited;
    metrics_.waited_ns += (std::chrono::steady_clock::now() - begin) / std::chrono::nanoseconds(1);
  }

  Part Fetch(const Key& key) {
    Part part;
    if (key.second == 0) {
      auto step = source_->Step(key.first);
      part.status = step.status();
      if (step.ok()) part.step = *std::move(step);
    } else {
      auto plan = source_->MicroBatch(key.first, key.second - 1);
      part.status = plan.status();
      if (plan.ok()) part.micro_batch = *std::move(plan);
    }
    return part;
  }

  void Work() {
    mutex_.Lock();
    while (!closed_) {
      if (next_.first >= wanted_end_) {
        changed_.Wait(&mutex_);
        continue;
      }
      const Key key = next_;
      fetching_ = key;
      next_ = key.second + 1 < num_parts_ ? Key{key.first, key.second + 1} : Key{key.first + 1, 0};
      mutex_.Unlock();
      Part part = Fetch(key);
      mutex_.Lock();
      fetching_.reset();
      // A failure is not kept: whoever asks gets a fresh answer.
      if (part.status.ok()) parts_[key] = std::move(part);
      changed_.SignalAll();
    }
    mutex_.Unlock();
  }

  const std::unique_ptr<PlanSource> source_;
  const uint32_t depth_;
  const uint32_t num_parts_;
  const uint64_t num_steps_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  Key next_ ABSL_GUARDED_BY(mutex_){0, 0};           // to fetch
  uint64_t wanted_end_ ABSL_GUARDED_BY(mutex_) = 0;  // steps before it are wanted
  absl::optional<Key> fetching_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Part> parts_ ABSL_GUARDED_BY(mutex_);
  PrefetchMetrics metrics_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PrefetchingPlanSource> MakePrefetchingPlanSource(std::unique_ptr<PlanSource> source,
                                                                 uint32_t depth) {
  return std::make_unique<Prefetcher>(std::move(source), depth);
}

}  // namespace grouter
