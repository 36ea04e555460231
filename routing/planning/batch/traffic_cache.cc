#include "routing/planning/batch/traffic_cache.h"

namespace grouter {

std::shared_ptr<TrafficCache::Entry> TrafficCache::Find(uint64_t step, uint32_t micro_batch) {
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if ((*it)->step != step || (*it)->micro_batch != micro_batch) continue;
    entries_.splice(entries_.begin(), entries_, it);
    return entries_.front();
  }
  auto entry = std::make_shared<Entry>();
  entry->step = step;
  entry->micro_batch = micro_batch;
  entries_.push_front(entry);
  return entry;
}

void TrafficCache::Trim() {
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if ((*it)->done) bytes += (*it)->value.value()->num_bytes();
    const bool keep = ++count <= min_entries_ || bytes <= max_bytes_;
    it = keep ? std::next(it) : entries_.erase(it);
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
  Trim();
  return value;
}

}  // namespace grouter
