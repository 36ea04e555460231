// Encoded plan parts, made on demand by worker threads and kept in a cache bounded in bytes. One making at a
// time per key: all who ask meanwhile wait for it. A micro-batch is made for all world ranks together, so its
// ranks share the work. Thread-safe.
#ifndef GROUTER_SERVER_PLANS_PLAN_CACHE_H_
#define GROUTER_SERVER_PLANS_PLAN_CACHE_H_

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "io/mutex.h"
#include "server/plans/encoded_part.h"
#include "server/plans/worker_pool.h"
#include "server/registry/job.h"

namespace grouter {

struct PartKey {
  uint64_t step = 0;
  uint32_t part = 0;  // 0: the step part; 1 + m: micro-batch m
  uint32_t rank = 0;
  // Layer groups [first_group, first_group + num_groups) of a micro-batch; 0 groups: all from first_group.
  uint32_t first_group = 0;
  uint32_t num_groups = 0;
};

struct PlanCacheCounters {
  uint64_t bytes = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t making_ns = 0;
};

class PlanCache {
 public:
  using Part = std::shared_ptr<const EncodedPart>;
  using Ready = std::function<void(const absl::StatusOr<Part>&)>;

  // `workers` outlives this. Before this goes it has stopped, or every part asked for has come.
  PlanCache(uint64_t capacity_bytes, WorkerPool* workers);

  // Calls `ready` once: before returning when the part is there, else on a worker thread. UNAVAILABLE when
  // the pool has stopped; else the planner's errors (OUT_OF_RANGE and so on), which are not cached.
  void Get(const std::shared_ptr<Job>& job, const PartKey& key, Ready ready);
  struct Found {
    Part part;           // null: not there
    bool known = false;  // there or being made
  };
  // Looks without asking for anything to be made.
  Found Look(const Job& job, const PartKey& key);
  // Gets a part into the cache.
  void Prefetch(const std::shared_ptr<Job>& job, const PartKey& key);
  void Forget(const Digest& job);

  PlanCacheCounters counters() const;
  uint64_t capacity_bytes() const { return capacity_bytes_; }

 private:
  struct EntryKey {
    uint64_t step = 0;
    uint32_t part = 0;
    uint32_t rank = 0;  // of a micro-batch: all, so 0
    uint32_t first_group = 0;
    uint32_t num_groups = 0;
    Digest job;
    bool operator==(const EntryKey& other) const;
  };
  struct HashOfKey {
    size_t operator()(const EntryKey& key) const;
  };
  using PartsByRank = std::vector<Part>;
  struct Waiter {
    uint32_t rank;
    Ready ready;
  };
  struct Entry {
    bool made = false;
    bool used = false;  // since it was last looked at for eviction
    PartsByRank parts;
    uint64_t bytes = 0;
    std::vector<Waiter> waiters;
    std::list<EntryKey>::iterator use;  // in uses_, when made
  };

  static EntryKey KeyOf(const Job& job, const PartKey& key);
  void Make(const std::shared_ptr<Job>& job, const PartKey& key, const EntryKey& entry_key);
  void EvictTo(uint64_t capacity) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t capacity_bytes_;
  WorkerPool* const workers_;
  mutable Mutex mutex_;
  absl::flat_hash_map<EntryKey, Entry, HashOfKey> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<EntryKey> uses_ ABSL_GUARDED_BY(mutex_);  // the next to be evicted, unless used, is last
  PlanCacheCounters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_PLANS_PLAN_CACHE_H_
