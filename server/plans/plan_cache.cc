#include "server/plans/plan_cache.h"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/random.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace grouter {
namespace {

// Brings the planes into memory here, on a worker, so that no serving thread waits for the disk.
void Populate(const PlanPayload& payload) {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (const absl::string_view plane : payload.planes) {
    const uint64_t begin = reinterpret_cast<uint64_t>(plane.data()) / page * page;
    const uint64_t end = reinterpret_cast<uint64_t>(plane.data()) + plane.size();
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
  }
}

PlanCache::Part Encode(PlanPayload payload) {
  auto part = std::make_shared<EncodedPart>();
  part->payload = std::move(payload);
  part->num_bytes = part->payload.num_bytes();
  Populate(part->payload);
  return part;
}

absl::StatusOr<std::vector<PlanCache::Part>> MakeStepPart(const Job& job, const PartKey& key) {
  GROUTER_ASSIGN_OR_RETURN(const StepPart part, job.planner->PlanStep(key.step, key.rank));
  PlanPayload payload;
  payload.head = EncodeStepPart(part);
  return std::vector<PlanCache::Part>{Encode(std::move(payload))};
}

absl::StatusOr<std::vector<PlanCache::Part>> MakeMicroBatch(Job* job, const PartKey& key) {
  GROUTER_ASSIGN_OR_RETURN(std::vector<MicroBatchPlan> plans,
                           job->planner->PlanMicroBatchForAll(key.step, key.part - 1));
  job->statistics.Count(*job->planner, plans);
  std::vector<PlanCache::Part> parts;
  for (const MicroBatchPlan& plan : plans) {
    const uint32_t groups = static_cast<uint32_t>(plan.layer_groups.size());
    if (key.first_group == 0 && key.num_groups == 0) {
      parts.push_back(Encode(EncodeMicroBatchPlan(plan)));
      continue;
    }
    if (key.first_group >= groups || key.num_groups > groups - key.first_group) {
      return Error(absl::StatusCode::kOutOfRange,
                   absl::StrCat("no such layer groups; the last is ", groups - 1), "layer_groups");
    }
    const uint32_t count = key.num_groups == 0 ? groups - key.first_group : key.num_groups;
    parts.push_back(Encode(EncodeMicroBatchPlan(SelectLayerGroups(plan, key.first_group, count))));
  }
  return parts;
}

absl::StatusOr<PlanCache::Part> PartOf(const std::vector<PlanCache::Part>& parts, uint32_t rank) {
  if (parts.size() == 1 && rank == 0) return parts[0];
  if (rank < parts.size()) return parts[rank];
  return Error(absl::StatusCode::kOutOfRange,
               absl::StrCat("no rank ", rank, "; the last is ", parts.size() - 1));
}

}  // namespace

PlanCache::PlanCache(uint64_t capacity_bytes, WorkerPool* workers)
    : capacity_bytes_(capacity_bytes), workers_(workers) {}

bool PlanCache::EntryKey::operator==(const EntryKey& other) const {
  return step == other.step && part == other.part && rank == other.rank && first_group == other.first_group &&
         num_groups == other.num_groups && job == other.job;
}

size_t PlanCache::HashOfKey::operator()(const EntryKey& key) const {
  uint64_t job = 0;
  memcpy(&job, key.job.bytes.data(), sizeof(job));
  const uint64_t groups = uint64_t{key.first_group} << 32 | key.num_groups;
  return Mix64(Mix64(job ^ key.step) ^ (uint64_t{key.part} << 32 | key.rank) ^ Mix64(groups));
}

PlanCache::EntryKey PlanCache::KeyOf(const Job& job, const PartKey& key) {
  if (key.part == 0) return {key.step, 0, key.rank, 0, 0, job.digest};
  return {key.step, key.part, 0, key.first_group, key.num_groups, job.digest};
}

void PlanCache::Get(const std::shared_ptr<Job>& job, const PartKey& key, Ready ready) {
  const uint32_t rank = key.part == 0 ? 0 : key.rank;  // in the entry
  const EntryKey entry_key = KeyOf(*job, key);
  absl::StatusOr<Part> part = Part();
  bool make = false;
  {
    MutexLock lock(&mutex_);
    Entry& entry = entries_[entry_key];
    if (entry.made) {
      ++counters_.hits;
      entry.used = true;
      part = PartOf(entry.parts, rank);
    } else {
      ++counters_.misses;
      make = entry.waiters.empty();
      entry.waiters.push_back({rank, std::move(ready)});
    }
  }
  if (ready) return ready(part);
  if (!make) return;
  if (workers_->Run([this, job, key, entry_key] { Make(job, key, entry_key); })) return;
  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mutex_);
    waiters.swap(entries_[entry_key].waiters);
    entries_.erase(entry_key);
  }
  const absl::StatusOr<Part> stopped = Error(absl::StatusCode::kUnavailable, "the server is stopping");
  for (const Waiter& waiter : waiters) waiter.ready(stopped);
}

PlanCache::Found PlanCache::Look(const Job& job, const PartKey& key) {
  const size_t rank = key.part == 0 ? 0 : key.rank;  // in the entry
  const EntryKey entry_key = KeyOf(job, key);
  Found found;
  MutexLock lock(&mutex_);
  const auto it = entries_.find(entry_key);
  if (it == entries_.end()) return found;
  found.known = true;
  if (!it->second.made || rank >= it->second.parts.size()) return found;
  ++counters_.hits;
  it->second.used = true;
  found.part = it->second.parts[rank];
  return found;
}

void PlanCache::Prefetch(const std::shared_ptr<Job>& job, const PartKey& key) {
  {
    MutexLock lock(&mutex_);
    if (entries_.count(KeyOf(*job, key)) > 0) return;
  }
  Get(job, key, [](const absl::StatusOr<Part>&) {});
}

void PlanCache::Make(const std::shared_ptr<Job>& job, const PartKey& key, const EntryKey& entry_key) {
  const auto begin = std::chrono::steady_clock::now();
  const absl::StatusOr<PartsByRank> parts =
      key.part == 0 ? MakeStepPart(*job, key) : MakeMicroBatch(job.get(), key);
  const auto end = std::chrono::steady_clock::now();

  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mutex_);
    counters_.making_ns += (end - begin) / std::chrono::nanoseconds(1);
    Entry& entry = entries_[entry_key];
    waiters.swap(entry.waiters);
    if (!parts.ok()) {
      entries_.erase(entry_key);
    } else {
      entry.made = true;
      entry.parts = *parts;
      for (const Part& part : entry.parts) entry.bytes += part->owned_bytes();
      counters_.bytes += entry.bytes;
      uses_.push_front(entry_key);
      entry.use = uses_.begin();
      EvictTo(capacity_bytes_);
    }
  }
  for (const Waiter& waiter : waiters) {
    waiter.ready(parts.ok() ? PartOf(*parts, waiter.rank) : absl::StatusOr<Part>(parts.status()));
  }
}

void PlanCache::EvictTo(uint64_t capacity) {
  while (counters_.bytes > capacity && !uses_.empty()) {
    const auto it = entries_.find(uses_.back());
    if (it->second.used) {  // a second chance, so that being used costs no walk of the list's cold memory
      it->second.used = false;
      uses_.splice(uses_.begin(), uses_, it->second.use);
      continue;
    }
    counters_.bytes -= it->second.bytes;
    entries_.erase(it);
    uses_.pop_back();
  }
}

void PlanCache::Forget(const Digest& job) {
  MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->first.job != job || !it->second.made) {
      ++it;
      continue;
    }
    counters_.bytes -= it->second.bytes;
    uses_.erase(it->second.use);
    entries_.erase(it++);
  }
}

PlanCacheCounters PlanCache::counters() const {
  MutexLock lock(&mutex_);
  return counters_;
}

}  // namespace grouter
