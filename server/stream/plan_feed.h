// The sending side of one plan stream without its socket: turns parts and credit into messages. It fetches
// the part it needs and asks for the next one ahead.
#ifndef GROUTER_SERVER_STREAM_PLAN_FEED_H_
#define GROUTER_SERVER_STREAM_PLAN_FEED_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "io/mutex.h"
#include "proto/frame.h"
#include "server/plans/plan_cache.h"
#include "server/registry/job.h"
#include "server/stream/part_cursor.h"

namespace grouter {

struct PlanFeedOptions {
  uint32_t rank = 0;
  uint32_t first_group = 0;
  uint32_t num_groups = 0;    // 0: all from first_group
  uint64_t first_offset = 0;  // into the first part
};

// One thread at a time, but for the part's arrival, which comes from any thread.
class PlanFeed : public std::enable_shared_from_this<PlanFeed> {
 public:
  // `arrived` is called from any thread when Next may have more to give; never while Next runs.
  // `cache` outlives all feeds.
  PlanFeed(std::shared_ptr<Job> job, PartCursor cursor, PlanFeedOptions options, PlanCache* cache,
           std::function<void()> arrived);

  struct Outcome {
    absl::optional<grpc::ByteBuffer> message;  // absent: wait for a part or for credit
    uint64_t payload_bytes = 0;
    absl::optional<uint64_t> step_completed;  // the newest step whose last part is in this message
    bool done = false;                        // all parts were sent, this message included
    bool needs_credit = false;
    absl::Status error;  // of a part that cannot be made
  };
  // The next message of at most min(credit, kMaxMessagePayload) payload bytes.
  Outcome Next(uint64_t credit);

  // Sends no part of the current step after `part`, and no later step.
  void StopAfter(uint32_t part) { cursor_.StopAfter(part); }

  // True between parts: nothing of the current one was sent.
  bool AtPartBorder() const { return offset_ == first_offset_; }
  // True between steps.
  bool AtStepBorder() const { return AtPartBorder() && (cursor_.done() || cursor_.step() != started_step_); }
  const std::shared_ptr<Job>& job() const { return job_; }

 private:
  // Starts fetching the current part, or takes it into part_ when it has come; part_ stays null: not yet.
  absl::Status Fetch();
  // Holds the part after the current one if it is there, else has it made.
  void LookAhead();
  // Makes `part` the one being sent. OUT_OF_RANGE when sending was to begin past its end.
  absl::Status Take(PlanCache::Part part);
  PartKey KeyAt(const PartCursor& cursor) const;

  const std::shared_ptr<Job> job_;
  PartCursor cursor_;
  const PlanFeedOptions options_;
  PlanCache* const cache_;
  const std::function<void()> arrived_;

  PlanCache::Part part_;       // being sent
  PlanCache::Part ahead_;      // the next one, when it was there; null: to be asked for
  uint64_t first_offset_ = 0;  // where sending of the current part began
  uint64_t offset_ = 0;        // into it
  bool fetching_ = false;
  uint64_t started_step_ = UINT64_MAX;  // of which a byte was sent

  Mutex mutex_;
  bool in_next_ ABSL_GUARDED_BY(mutex_) = false;
  absl::optional<absl::StatusOr<PlanCache::Part>> fetched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_PLAN_FEED_H_
