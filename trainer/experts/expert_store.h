// Where a rank's experts live: some resident ("on the device"), the others in host memory or a file, brought
// in before they are needed.
#ifndef GROUTER_TRAINER_EXPERTS_EXPERT_STORE_H_
#define GROUTER_TRAINER_EXPERTS_EXPERT_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/device/device_buffer.h"
#include "trainer/experts/expert_shape.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {

// A stored expert of this rank.
struct StoredExpert {
  uint32_t layer = 0;
  uint32_t slot = 0;
  friend bool operator==(StoredExpert a, StoredExpert b) { return a.layer == b.layer && a.slot == b.slot; }
};

struct ExpertStoreOptions {
  ExpertShape shape;
  uint32_t num_layers = 0;
  uint32_t num_slots = 0;     // of one layer on this rank
  uint32_t num_resident = 0;  // stored experts held at once; 0: all
  // The others: in this file (made, unlinked at once, so nothing is left behind), or "" for host memory.
  std::string backing_file;
  Device* device = &CpuDevice();  // of the resident ones; outlives the store
};

// Counts since the store was made.
struct ResidencyCounts {
  uint64_t fetches = 0;
  uint64_t write_backs = 0;
  uint64_t evictions = 0;
  uint64_t waits = 0;  // Acquire had to wait for a fetch
};

// One thread (the rank's) calls; a second one, the store's own, fetches ahead. What is resident never changes
// a number: a run gives the same bits for any num_resident.
//
// A step announces the order of its accesses; the store then fetches in that order, as far ahead as slots
// allow, and evicts the expert whose next use lies farthest ahead (Belady), writing it back when it changed.
class ExpertStore {
 public:
  // INVALID_ARGUMENT when num_resident is above 0 and below num_slots (one layer must fit);
  // RESOURCE_EXHAUSTED when memory or the file's disk does not suffice. All planes start at zero.
  static absl::StatusOr<std::unique_ptr<ExpertStore>> Create(const ExpertStoreOptions& options,
                                                             StepEventLog* log = nullptr);
  virtual ~ExpertStore() = default;

  const ExpertStoreOptions& options() const { return options_; }
  // The accesses to come, in order. Earlier ones must all be released; their announcement is forgotten.
  // Accesses that differ from the announcement work, slower.
  virtual void Announce(uint64_t step, std::vector<StoredExpert> accesses) = 0;
  // Makes the expert resident and keeps it so until Release; what is queued on kCompute from now on finds it.
  // Blocks while it is being brought. At most num_resident at once.
  virtual absl::StatusOr<ExpertPage> Acquire(StoredExpert expert) = 0;
  // Once all that uses the page is queued. `changed`: its page is written to.
  virtual void Release(StoredExpert expert, bool changed) = 0;
  virtual ResidencyCounts counts() const = 0;

 protected:
  explicit ExpertStore(const ExpertStoreOptions& options) : options_(options) {}
  const ExpertStoreOptions options_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_EXPERT_STORE_H_
