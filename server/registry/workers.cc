#include "server/registry/workers.h"

#include <algorithm>

namespace grouter {
namespace {

constexpr size_t kMaxUnfinished = 4096;  // steps whose sending time is remembered

}  // namespace

Workers::Id Workers::Join(std::string worker, uint32_t rank) {
  MutexLock lock(&mutex_);
  Entry& entry = entries_[next_];
  entry.record.worker = std::move(worker);
  entry.record.rank = rank;
  return next_++;
}

void Workers::Leave(Id id) {
  MutexLock lock(&mutex_);
  entries_.erase(id);
}

void Workers::Sent(Id id, uint64_t payload_bytes, uint64_t credit_bytes) {
  MutexLock lock(&mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second.record.payload_bytes_sent += payload_bytes;
  it->second.record.credit_bytes = credit_bytes;
}

void Workers::StepSent(Id id, uint64_t step, int64_t now_ns) {
  MutexLock lock(&mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second.record.step_sent = step;
  it->second.sent.push_back({step, now_ns});
  if (it->second.sent.size() > kMaxUnfinished) it->second.sent.pop_front();
}

void Workers::Finished(Id id, uint64_t step, int64_t now_ns) {
  MutexLock lock(&mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second.record.step_finished = step;
  auto& sent = it->second.sent;
  while (!sent.empty() && sent.front().first <= step) {
    if (sent.front().first == step)
      it->second.record.plan_lead_seconds = (now_ns - sent.front().second) * 1e-9;
    sent.pop_front();
  }
}

void Workers::Stalled(Id id, uint64_t stalled_ns) {
  MutexLock lock(&mutex_);
  const auto it = entries_.find(id);
  if (it != entries_.end()) it->second.record.stalled_ns = stalled_ns;
}

void Workers::Ahead(Id id, uint64_t steps) {
  MutexLock lock(&mutex_);
  const auto it = entries_.find(id);
  if (it != entries_.end()) it->second.record.ahead_steps = steps;
}

std::vector<WorkerRecord> Workers::List() const {
  std::vector<WorkerRecord> records;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, entry] : entries_) records.push_back(entry.record);
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const WorkerRecord& a, const WorkerRecord& b) { return a.rank < b.rank; });
  return records;
}

size_t Workers::size() const {
  MutexLock lock(&mutex_);
  return entries_.size();
}

}  // namespace grouter
