#include "routing/planning/batch/traffic_cache.h"

namespace grouter {

std::shared_ptr<TrafficCache::Entry> TrafficCache::Find(uint64_t step, uint32_t micro_batch) {
  const auto kept = index_.find({step, micro_batch});
  if (kept != index_.end()) {
    entries_.splice(entries_.begin(), entries_, kept->second);
    return entries_.front();
  }
  auto entry = std::make_shared<Entry>();
  entry->step = step;
  entry->micro_batch = micro_batch;
  entries_.push_front(entry);
  index_[{step, micro_batch}] = entries_.begin();
  return entry;
}

void TrafficCache::Trim() {
  while (entries_.size() > min_entries_ && bytes_ > max_bytes_) {
    const Entry& last = *entries_.back();
    if (last.done) bytes_ -= last.value.value()->num_bytes();
    index_.erase({last.step, last.micro_batch});
    entries_.pop_back();
  }
}

absl::StatusOr<TrafficCache::Value> TrafficCache::Get(uint64_t step, uint32_t micro_batch,
                                                      const std::function<absl::StatusOr<Value>()>& make) {
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(&mutex_);
    entry = Find(step, micro_batch);
    if (entry->done) return entry->value;
  }
  MutexLock making(&entry->making);
  {
    MutexLock lock(&mutex_);
    if (entry->done) return entry->value;
  }
  absl::StatusOr<Value> value = make();
  MutexLock lock(&mutex_);
  if (!value.ok()) return value;
  entry->value = value;
  entry->done = true;
  const auto kept = index_.find({step, micro_batch});
  if (kept != index_.end() && *kept->second == entry) bytes_ += (*value)->num_bytes();
  Trim();
  return value;
}

}  // namespace grouter
