// Shows TSan how Debian's Abseil, which is not compiled for it, orders threads: absl::Mutex is built on
// futexes and looks like no lock (gRPC's core guards what passes between its threads by it), and an
// absl::Status counts its references in the library. These functions stand in front of Abseil's of the same
// name, in programs under TSan alone.
//
// Compiled without TSan itself.
#include <dlfcn.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

// The function that this program would have without this file.
#define GROUTER_REAL(type, name) static const auto real = reinterpret_cast<type>(dlsym(RTLD_NEXT, name))

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  GROUTER_REAL(void (*)(Mutex*), "_ZN4absl7debian35Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  GROUTER_REAL(bool (*)(Mutex*), "_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::Unlock() {
  GROUTER_REAL(void (*)(Mutex*), "_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  real(this);
}

void CondVar::Wait(Mutex* mutex) {
  GROUTER_REAL(void (*)(CondVar*, Mutex*), "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, absl::Duration timeout) {
  GROUTER_REAL(bool (*)(CondVar*, Mutex*, absl::Duration),
               "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, absl::Time deadline) {
  GROUTER_REAL(bool (*)(CondVar*, Mutex*, absl::Time),
               "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

// The last one to let go deletes what all others used.
void Status::UnrefNonInlined(uintptr_t rep) {
  GROUTER_REAL(void (*)(uintptr_t), "_ZN4absl7debian36Status15UnrefNonInlinedEm");
  void* const counted = reinterpret_cast<void*>(rep);
  __tsan_release(counted);
  __tsan_acquire(counted);
  real(rep);
}

ABSL_NAMESPACE_END
}  // namespace absl
