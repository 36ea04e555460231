#include "trainer/experts/expert_store.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/mutex.h"
#include "trainer/experts/backing.h"
#include "trainer/experts/residency.h"

namespace grouter {
namespace {

constexpr uint64_t kPlanes = 4;
constexpr uint32_t kNone = UINT32_MAX;

uint64_t PlaneFloats(const ExpertShape& shape) { return (shape.size() + 15) / 16 * 16; }

ExpertPage PageAt(float* base, uint64_t plane) {
  return {base, base + plane, base + 2 * plane, base + 3 * plane};
}

// Everything fits: one arena, no thread.
class ResidentStore : public ExpertStore {
 public:
  ResidentStore(const ExpertStoreOptions& options, FloatBuffer arena)
      : ExpertStore(options), plane_(PlaneFloats(options.shape)), arena_(std::move(arena)) {}
  void Announce(uint64_t step, std::vector<StoredExpert> accesses) override {}
  absl::StatusOr<ExpertPage> Acquire(StoredExpert expert) override {
    const uint64_t item = uint64_t{expert.layer} * options_.num_slots + expert.slot;
    return PageAt(arena_.data() + kPlanes * plane_ * item, plane_);
  }
  void Release(StoredExpert expert, bool changed) override {}
  ResidencyCounts counts() const override { return {}; }

 private:
  const uint64_t plane_;
  FloatBuffer arena_;
};

// num_resident pages over a backing; one thread moves pages in the announced order.
class PagedStore : public ExpertStore {
 public:
  PagedStore(const ExpertStoreOptions& options, FloatBuffer pool, std::unique_ptr<ExpertBacking> backing,
             StepEventLog* log)
      : ExpertStore(options),
        plane_(PlaneFloats(options.shape)),
        num_experts_(options.num_layers * options.num_slots),
        device_(*options.device),
        pool_(std::move(pool)),
        backing_(std::move(backing)),
        log_(log),
        pages_(options.num_resident),
        page_of_(num_experts_, kNone),
        sequence_(num_experts_, {}),
        mover_([this] { Move(); }) {}

  ~PagedStore() override {
    {
      MutexLock lock(&mutex_);
      closing_ = true;
      changed_.SignalAll();
    }
    mover_.join();
    if (staging_ != nullptr) device_.FreeHost(staging_);
  }

  void Announce(uint64_t step, std::vector<StoredExpert> accesses) override {
    std::vector<uint32_t> items;
    items.reserve(accesses.size());
    for (StoredExpert expert : accesses) items.push_back(Item(expert));
    MutexLock lock(&mutex_);
    sequence_ = AccessSequence(num_experts_, std::move(items));
    cursor_ = 0;
    step_ = step;
    changed_.SignalAll();
  }

  absl::StatusOr<ExpertPage> Acquire(StoredExpert expert) override {
    const uint32_t item = Item(expert);
    MutexLock lock(&mutex_);
    sequence_.Advance(item);
    if (page_of_[item] == kNone || pages_[page_of_[item]].moving) ++counts_.waits;
    while (status_.ok() && (page_of_[item] == kNone || pages_[page_of_[item]].moving)) {
      demand_ = item;
      changed_.SignalAll();
      changed_.Wait(&mutex_);
    }
    demand_ = kNone;
    GROUTER_RETURN_IF_ERROR(status_);
    Page& page = pages_[page_of_[item]];
    page.pinned = true;
    changed_.SignalAll();
    return PageAt(PageMemory(page_of_[item]), plane_);
  }

  void Release(StoredExpert expert, bool changed) override {
    MutexLock lock(&mutex_);
    Page& page = pages_[page_of_[Item(expert)]];
    page.pinned = false;
    page.dirty |= changed;
    page.last_use = device_.Record(Stream::kCompute);
    changed_.SignalAll();
  }

  ResidencyCounts counts() const override {
    MutexLock lock(&mutex_);
    return counts_;
  }

 private:
  struct Page {
    uint32_t item = kNone;
    bool pinned = false;
    bool dirty = false;
    DeviceEventPtr last_use;  // what was queued when it was released
    bool moving = false;
  };

  uint32_t Item(StoredExpert expert) const { return expert.layer * options_.num_slots + expert.slot; }

  // The page to bring `item` into, or kNone when every page is pinned or needed before position `before`.
  uint32_t Victim(uint64_t before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<uint32_t> items, places;
    for (uint32_t p = 0; p < pages_.size(); ++p) {
      if (pages_[p].pinned || pages_[p].moving) continue;
      if (pages_[p].item == kNone) return p;
      // Brought for somebody who is waking up to pin it.
      if (pages_[p].item == demand_) continue;
      items.push_back(pages_[p].item);
      places.push_back(p);
    }
    if (items.empty()) return kNone;
    const size_t farthest = FarthestNextUse(sequence_, items);
    return sequence_.NextUse(items[farthest]) > before ? places[farthest] : kNone;
  }

  // Moves pages until closed. Demands go before the announced order.
  void Move() {
    MutexLock lock(&mutex_);
    while (!closing_ && status_.ok()) {
      uint32_t item = kNone;
      uint32_t place = kNone;
      if (demand_ != kNone && page_of_[demand_] == kNone) {
        item = demand_;
        place = Victim(0);
      } else {
        if (cursor_ < sequence_.position()) cursor_ = sequence_.position();
        while (cursor_ < sequence_.size() && page_of_[sequence_.at(cursor_)] != kNone) ++cursor_;
        if (cursor_ < sequence_.size()) {
          item = sequence_.at(cursor_);
          place = Victim(cursor_);
        }
      }
      if (place == kNone) {
        changed_.Wait(&mutex_);
        continue;
      }
      Bring(item, place);
    }
  }

  void Bring(uint32_t item, uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Page& page = pages_[place];
    const uint32_t evicted = page.item;
    const bool write_back = evicted != kNone && page.dirty;
    if (evicted != kNone) {
      page_of_[evicted] = kNone;
      ++counts_.evictions;
      if (write_back) ++counts_.write_backs;
    }
    page.item = item;
    page.dirty = false;
    page.moving = true;
    page_of_[item] = place;
    ++counts_.fetches;
    float* memory = PageMemory(place);
    const DeviceEventPtr last_use = page.last_use;
    const uint64_t step = step_;
    mutex_.Unlock();
    absl::Status status;
    if (write_back) {
      ScopedEvent event(log_, EventKind::kWriteBack,
                        {step, 0, static_cast<int32_t>(evicted / options_.num_slots)});
      status = WriteBack(evicted, memory, last_use);
    }
    if (status.ok()) {
      ScopedEvent event(log_, EventKind::kFetch, {step, 0, static_cast<int32_t>(item / options_.num_slots)});
      status = Fetch(item, memory, last_use);
    }
    mutex_.Lock();
    page.moving = false;
    if (!status.ok()) status_ = status;
    changed_.SignalAll();
  }

  float* PageMemory(uint32_t place) { return pool_.data() + kPlanes * plane_ * place; }

  // Between backing and page: through a staging page, on the store's stream, after all that used the page.
  absl::Status Fetch(uint32_t item, float* memory, const DeviceEventPtr& last_use) {
    if (device_.is_host()) return backing_->Read(item, memory);
    GROUTER_RETURN_IF_ERROR(backing_->Read(item, Staging()));
    device_.Wait(Stream::kExperts, last_use);
    device_.Upload(Stream::kExperts, memory, Staging(), PageBytes());
    return device_.Synchronize(device_.Record(Stream::kExperts));
  }
  absl::Status WriteBack(uint32_t item, float* memory, const DeviceEventPtr& last_use) {
    if (device_.is_host()) return backing_->Write(item, memory);
    device_.Wait(Stream::kExperts, last_use);
    device_.Download(Stream::kExperts, Staging(), memory, PageBytes());
    GROUTER_RETURN_IF_ERROR(device_.Synchronize(device_.Record(Stream::kExperts)));
    return backing_->Write(item, Staging());
  }
  uint64_t PageBytes() const { return kPlanes * plane_ * sizeof(float); }
  float* Staging() {
    if (staging_ == nullptr) staging_ = static_cast<float*>(device_.AllocateHost(PageBytes()));
    return staging_;
  }

  const uint64_t plane_;
  const uint32_t num_experts_;
  Device& device_;
  FloatBuffer pool_;
  float* staging_ = nullptr;                      // the mover's
  const std::unique_ptr<ExpertBacking> backing_;  // the mover's
  StepEventLog* const log_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Page> pages_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> page_of_ ABSL_GUARDED_BY(mutex_);  // [num_experts]
  AccessSequence sequence_ ABSL_GUARDED_BY(mutex_);
  uint64_t cursor_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t step_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t demand_ ABSL_GUARDED_BY(mutex_) = kNone;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  ResidencyCounts counts_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread mover_;  // last: starts when all else is there
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExpertStore>> ExpertStore::Create(const ExpertStoreOptions& options,
                                                                 StepEventLog* log) {
  const uint32_t num_experts = options.num_layers * options.num_slots;
  const uint64_t page_floats = kPlanes * PlaneFloats(options.shape);
  if (options.num_resident == 0 || options.num_resident >= num_experts) {
    GROUTER_ASSIGN_OR_RETURN(FloatBuffer arena,
                             ZeroedFloats(*options.device, num_experts * page_floats, "expert store"));
    return std::unique_ptr<ExpertStore>(new ResidentStore(options, std::move(arena)));
  }
  if (options.num_resident < options.num_slots) {
    return Error(
        absl::StatusCode::kInvalidArgument,
        absl::StrCat(options.num_resident, " resident experts cannot hold one layer's ", options.num_slots),
        "--resident-experts", absl::StrCat("allow at least ", options.num_slots));
  }
  GROUTER_ASSIGN_OR_RETURN(FloatBuffer pool,
                           ZeroedFloats(*options.device, options.num_resident * page_floats, "expert store"));
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<ExpertBacking> backing,
                           options.backing_file.empty()
                               ? MakeMemoryBacking(num_experts, page_floats)
                               : MakeFileBacking(options.backing_file, num_experts, page_floats));
  return std::unique_ptr<ExpertStore>(new PagedStore(options, std::move(pool), std::move(backing), log));
}

}  // namespace grouter
