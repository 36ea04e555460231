#include "server/stream/plan_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

PlanFeed::PlanFeed(std::shared_ptr<Job> job, PartCursor cursor, PlanFeedOptions options, PlanCache* cache,
                   std::function<void()> arrived)
    : job_(std::move(job)),
      cursor_(cursor),
      options_(options),
      cache_(cache),
      arrived_(std::move(arrived)),
      first_offset_(options.first_offset),
      offset_(options.first_offset) {}

PartKey PlanFeed::KeyAt(const PartCursor& cursor) const {
  return {cursor.step(), cursor.part(), options_.rank, options_.first_group, options_.num_groups};
}

absl::Status PlanFeed::Fetch() {
  if (part_ != nullptr) return absl::OkStatus();
  if (!fetching_) {
    PlanCache::Part found = std::move(ahead_);
    ahead_ = nullptr;
    if (found == nullptr) found = cache_->Look(*job_, KeyAt(cursor_)).part;
    if (found != nullptr) {
      LookAhead();
      return Take(std::move(found));
    }
    fetching_ = true;
    cache_->Get(job_, KeyAt(cursor_), [weak = weak_from_this()](const absl::StatusOr<PlanCache::Part>& part) {
      const std::shared_ptr<PlanFeed> feed = weak.lock();
      if (feed == nullptr) return;
      bool tell = false;
      {
        MutexLock lock(&feed->mutex_);
        feed->fetched_ = part;
        tell = !feed->in_next_;
      }
      if (tell) feed->arrived_();
    });
  }
  absl::optional<absl::StatusOr<PlanCache::Part>> fetched;
  {
    MutexLock lock(&mutex_);
    fetched.swap(fetched_);
  }
  if (!fetched.has_value()) return absl::OkStatus();
  fetching_ = false;
  GROUTER_RETURN_IF_ERROR(fetched->status());
  LookAhead();
  return Take(**fetched);
}

void PlanFeed::LookAhead() {
  PartCursor next = cursor_;
  next.Advance();
  if (next.done()) return;
  PlanCache::Found found = cache_->Look(*job_, KeyAt(next));
  if (!found.known) cache_->Prefetch(job_, KeyAt(next));
  ahead_ = std::move(found.part);
}

absl::Status PlanFeed::Take(PlanCache::Part part) {
  if (offset_ > part->num_bytes) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("payload offset past the end; the part has ", part->num_bytes, " bytes"),
                 absl::StrCat("step ", cursor_.step()));
  }
  part_ = std::move(part);
  return absl::OkStatus();
}

PlanFeed::Outcome PlanFeed::Next(uint64_t credit) {
  {
    MutexLock lock(&mutex_);
    in_next_ = true;
  }
  Outcome outcome;
  FrameMessage message;
  const uint64_t room = std::min(credit, kMaxMessagePayload);
  while (!cursor_.done()) {
    outcome.error = Fetch();
    if (!outcome.error.ok()) break;
    if (part_ == nullptr) {
      // The answer may have come between the look and here: look again, now that it would tell.
      MutexLock lock(&mutex_);
      if (!fetched_.has_value()) {
        in_next_ = false;
        break;
      }
      continue;
    }
    const uint64_t left = room - message.payload_bytes();
    const uint64_t size = std::min(left, part_->num_bytes - offset_);
    if (size == 0) {
      outcome.needs_credit = credit < kMaxMessagePayload;
      break;
    }
    const FrameHeader header{cursor_.step(), cursor_.part(), offset_, part_->num_bytes, size};
    message.Add(header, PiecesOf(part_->payload, offset_, size), part_);
    started_step_ = cursor_.step();
    offset_ += size;
    if (offset_ < part_->num_bytes) continue;
    if (cursor_.IsLastOfStep()) outcome.step_completed = cursor_.step();
    cursor_.Advance();
    part_ = nullptr;
    first_offset_ = offset_ = 0;
  }
  {
    MutexLock lock(&mutex_);
    in_next_ = false;
  }
  outcome.done = cursor_.done();
  outcome.payload_bytes = message.payload_bytes();
  if (!message.empty()) {
    outcome.message = message.Take();
    outcome.error = absl::OkStatus();  // said at the next call, after what could be sent
  }
  return outcome;
}

}  // namespace grouter
