// A device that checks how it is used. Its memory can be touched by what is queued alone: anything else that
// reads or writes it ends the process. Copies on other streams than kCompute happen only when their event is
// waited for, and what is downloaded arrives only then, so that a missing wait shows as wrong numbers.
#ifndef GROUTER_TESTS_TESTING_TRAINING_FAKE_DEVICE_H_
#define GROUTER_TESTS_TESTING_TRAINING_FAKE_DEVICE_H_

#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "io/mutex.h"
#include "trainer/device/device.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {
namespace testing {

// One rank's; computes by the CPU's kernels. `log` is the rank's, may be null.
class FakeDevice : public Device {
 public:
  explicit FakeDevice(StepEventLog* log = nullptr);
  ~FakeDevice() override;

  const Kernels& kernels() const override { return *kernels_; }
  void* Allocate(uint64_t num_bytes) override;
  void Free(void* memory) override;
  void* AllocateHost(uint64_t num_bytes) override { return CpuDevice().Allocate(num_bytes); }
  void FreeHost(void* memory) override { CpuDevice().Free(memory); }
  void Upload(Stream stream, void* to, const void* from_host, uint64_t num_bytes) override;
  void Download(Stream stream, void* to_host, const void* from, uint64_t num_bytes) override;
  void Copy(Stream stream, void* to, const void* from, uint64_t num_bytes) override;
  void Zero(Stream stream, void* memory, uint64_t num_bytes) override;
  DeviceEventPtr Record(Stream stream) override;
  void Wait(Stream stream, const DeviceEventPtr& event) override;
  absl::Status Synchronize(const DeviceEventPtr& event) override;
  void Enter() override;
  void Leave() override;

  // Waits of the thread that computes, as it waited: all, and those after a step's begin and before its
  // optimizer was launched.
  uint64_t num_waits() const;
  uint64_t num_waits_inside_steps() const;
  // Copies from the host that were queued on the stream.
  uint64_t num_uploads(Stream stream) const;

 private:
  // Everything queued on one stream: a number, and what is left to be done.
  struct Queue {
    uint64_t num_queued = 0;
    uint64_t num_done = 0;
    uint64_t num_uploads = 0;
    std::deque<std::function<void()>> left;
  };
  void Put(Stream stream, std::function<void()> work);
  void RunUntil(const DeviceEventPtr& event);
  bool IsInsideAStep() const;

  StepEventLog* const log_;
  std::unique_ptr<Kernels> kernels_;
  mutable Mutex mutex_;
  char* arena_ = nullptr;
  uint64_t filled_ ABSL_GUARDED_BY(mutex_) = 0;
  int num_open_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Stream, Queue> queues_ ABSL_GUARDED_BY(mutex_);
  uint64_t num_waits_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t num_waits_inside_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread::id compute_thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TRAINING_FAKE_DEVICE_H_
