#include "tests/testing/training/fake_device.h"

#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "io/error.h"

namespace grouter {
namespace testing {
namespace {

constexpr uint64_t kArenaBytes = uint64_t{256} << 20;

struct FakeEvent : DeviceEvent {
  FakeEvent(Stream stream, uint64_t end) : stream(stream), end(end) {}
  const Stream stream;
  const uint64_t end;  // so much of the stream was queued
};

// The CPU's, with the device's memory open.
class FakeKernels : public Kernels {
 public:
  explicit FakeKernels(Device& device) : device_(device) {}
  void RmsNorm(const RmsNormArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().RmsNorm(args);
  }
  void RmsNormBackward(const RmsNormBackwardArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().RmsNormBackward(args);
  }
  void Rope(const RopeArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().Rope(args);
  }
  void GatherRows(const GatherRowsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().GatherRows(args);
  }
  void ScatterAddRows(const ScatterAddRowsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().ScatterAddRows(args);
  }
  void Swiglu(const SwigluArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().Swiglu(args);
  }
  void SwigluBackward(const SwigluBackwardArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().SwigluBackward(args);
  }
  void CrossEntropy(const CrossEntropyArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().CrossEntropy(args);
  }
  void SelectTopk(const SelectTopkArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().SelectTopk(args);
  }
  void GateWeights(const GateWeightsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().GateWeights(args);
  }
  void GateWeightsBackward(const GateWeightsBackwardArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().GateWeightsBackward(args);
  }
  void RouterLoss(const RouterLossArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().RouterLoss(args);
  }
  void PackPairs(const PackPairsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().PackPairs(args);
  }
  void SortPairs(const SortPairsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().SortPairs(args);
  }
  void PackPairGradients(const PackPairGradientsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().PackPairGradients(args);
  }
  void UnpackPairGradients(const UnpackPairGradientsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().UnpackPairGradients(args);
  }
  void RelayPairs(const RelayPairsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().RelayPairs(args);
  }
  void RelayPairGradients(const RelayPairGradientsArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().RelayPairGradients(args);
  }
  void DecideUpdate(const DecideUpdateArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().DecideUpdate(args);
  }
  void AdamW(const AdamWArgs& args) const override {
    const DeviceScope scope(device_);
    CpuKernels().AdamW(args);
  }
  void Add(int64_t size, const float* x, float* y) const override {
    const DeviceScope scope(device_);
    CpuKernels().Add(size, x, y);
  }
  void AddSum(int64_t size, const float* x, double* sum) const override {
    const DeviceScope scope(device_);
    CpuKernels().AddSum(size, x, sum);
  }
  void AddSumOfSquares(int64_t size, const float* x, double* sum) const override {
    const DeviceScope scope(device_);
    CpuKernels().AddSumOfSquares(size, x, sum);
  }

 private:
  Device& device_;
};

}  // namespace

FakeDevice::FakeDevice(StepEventLog* log) : log_(log), kernels_(std::make_unique<FakeKernels>(*this)) {
  void* arena = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  GROUTER_CHECK(arena != MAP_FAILED);
  arena_ = static_cast<char*>(arena);
}

FakeDevice::~FakeDevice() { munmap(arena_, kArenaBytes); }

// Nothing is given back: runs are short.
void* FakeDevice::Allocate(uint64_t num_bytes) {
  char* memory = nullptr;
  {
    const MutexLock lock(&mutex_);
    memory = arena_ + filled_;
    filled_ += (num_bytes + 63) / 64 * 64;
    if (filled_ > kArenaBytes) throw std::bad_alloc();
  }
  const DeviceScope scope(*this);
  std::memset(memory, 0x5A, num_bytes);  // what was not written is seen
  return memory;
}

void FakeDevice::Free(void*) {}

void FakeDevice::Enter() {
  const MutexLock lock(&mutex_);
  if (num_open_++ == 0) GROUTER_CHECK(mprotect(arena_, kArenaBytes, PROT_READ | PROT_WRITE) == 0);
}

void FakeDevice::Leave() {
  const MutexLock lock(&mutex_);
  if (--num_open_ == 0) GROUTER_CHECK(mprotect(arena_, kArenaBytes, PROT_NONE) == 0);
}

// Work of kCompute is done by who calls; that of other streams when somebody waits for it.
void FakeDevice::Put(Stream stream, std::function<void()> work) {
  const MutexLock lock(&mutex_);
  Queue& queue = queues_[stream];
  ++queue.num_queued;
  queue.left.push_back(std::move(work));
}

void FakeDevice::RunUntil(const DeviceEventPtr& event) {
  if (event == nullptr) return;
  const auto& until = static_cast<const FakeEvent&>(*event);
  const DeviceScope scope(*this);
  const MutexLock lock(&mutex_);
  Queue& queue = queues_[until.stream];
  while (queue.num_done < until.end) {
    queue.left.front()();
    queue.left.pop_front();
    ++queue.num_done;
  }
}

void FakeDevice::Upload(Stream stream, void* to, const void* from, uint64_t num_bytes) {
  if (num_bytes == 0) return;
  {
    const MutexLock lock(&mutex_);
    ++queues_[stream].num_uploads;
  }
  Copy(stream, to, from, num_bytes);
}

void FakeDevice::Download(Stream stream, void* to, const void* from, uint64_t num_bytes) {
  if (num_bytes == 0) return;
  if (stream != Stream::kCompute) return Put(stream, [=] { std::memcpy(to, from, num_bytes); });
  const DeviceScope scope(*this);
  std::string values(static_cast<const char*>(from), num_bytes);
  Put(stream, [to, values = std::move(values)] { std::memcpy(to, values.data(), values.size()); });
}

void FakeDevice::Copy(Stream stream, void* to, const void* from, uint64_t num_bytes) {
  if (num_bytes == 0) return;
  if (stream != Stream::kCompute) return Put(stream, [=] { std::memcpy(to, from, num_bytes); });
  const DeviceScope scope(*this);
  std::memcpy(to, from, num_bytes);
}

void FakeDevice::Zero(Stream stream, void* memory, uint64_t num_bytes) {
  if (num_bytes == 0) return;
  GROUTER_CHECK(stream == Stream::kCompute);
  const DeviceScope scope(*this);
  std::memset(memory, 0, num_bytes);
}

DeviceEventPtr FakeDevice::Record(Stream stream) {
  const MutexLock lock(&mutex_);
  if (stream == Stream::kCompute) compute_thread_ = std::this_thread::get_id();
  return std::make_shared<FakeEvent>(stream, queues_[stream].num_queued);
}

// What another stream waits for on kCompute is done already, but for downloads, which nobody on a device
// reads.
void FakeDevice::Wait(Stream, const DeviceEventPtr& event) {
  if (event != nullptr && static_cast<const FakeEvent&>(*event).stream != Stream::kCompute) RunUntil(event);
}

absl::Status FakeDevice::Synchronize(const DeviceEventPtr& event) {
  RunUntil(event);
  const bool inside = IsInsideAStep();
  const MutexLock lock(&mutex_);
  if (std::this_thread::get_id() != compute_thread_) return absl::OkStatus();
  ++num_waits_;
  if (inside) ++num_waits_inside_steps_;
  return absl::OkStatus();
}

bool FakeDevice::IsInsideAStep() const {
  if (log_ == nullptr) return false;
  const StepEvent* step = nullptr;
  const std::vector<StepEvent> events = log_->events();
  for (const StepEvent& event : events) {
    if (event.kind == EventKind::kStep && event.end_order == 0) step = &event;
  }
  if (step == nullptr) return false;
  for (const StepEvent& event : events) {
    if (event.kind == EventKind::kOptimizer && event.step == step->step && event.end_order != 0) return false;
  }
  return true;
}

uint64_t FakeDevice::num_waits() const {
  const MutexLock lock(&mutex_);
  return num_waits_;
}

uint64_t FakeDevice::num_uploads(Stream stream) const {
  const MutexLock lock(&mutex_);
  const auto it = queues_.find(stream);
  return it == queues_.end() ? 0 : it->second.num_uploads;
}

uint64_t FakeDevice::num_waits_inside_steps() const {
  const MutexLock lock(&mutex_);
  return num_waits_inside_steps_;
}

}  // namespace testing
}  // namespace grouter
