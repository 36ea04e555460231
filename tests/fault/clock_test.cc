// The wall clock jumps, forward and back by hours, while plans are streamed, watched and placed.
#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <tuple>

#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/fault/whole_job.h"

namespace {
std::atomic<int64_t> g_offset_seconds{0};
}

// These two stand in front of the C library's for this whole program, gRPC included: the one clock that
// jumps, and the waits that end by it, which look at it again each 50 ms as the kernel would when it is set.
// They are called before a sanitizer is ready.
extern "C" __attribute__((no_sanitize("address", "thread", "undefined"))) int clock_gettime(clockid_t clock,
                                                                                            timespec* time) {
  static int (*real)(clockid_t, timespec*) = nullptr;
  if (real == nullptr) real = reinterpret_cast<decltype(real)>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += g_offset_seconds;
  return result;
}

extern "C" __attribute__((no_sanitize("address", "thread", "undefined"))) long syscall(long number, ...) {
  static long (*real)(long, long, long, long, long, long, long) = nullptr;
  if (real == nullptr) real = reinterpret_cast<decltype(real)>(dlsym(RTLD_NEXT, "syscall"));
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (long& argument : a) argument = va_arg(rest, long);
  va_end(rest);
  const bool by_wall_clock = number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0;
  if (!by_wall_clock) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  timespec until = *reinterpret_cast<const timespec*>(a[3]);
  until.tv_sec -= g_offset_seconds;
  timespec look;
  clock_gettime(CLOCK_REALTIME, &look);
  look.tv_sec -= g_offset_seconds;
  look.tv_nsec += 50000000;
  look.tv_sec += look.tv_nsec / 1000000000;
  look.tv_nsec %= 1000000000;
  const bool later = std::tie(look.tv_sec, look.tv_nsec) < std::tie(until.tv_sec, until.tv_nsec);
  const long result =
      real(number, a[0], a[1], a[2], reinterpret_cast<long>(later ? &look : &until), a[4], a[5]);
  if (result == -1 && errno == ETIMEDOUT && later) errno = EINTR;
  return result;
}

namespace grouter {
namespace {

constexpr int64_t kHour = 3600;

TEST(ClockTest, TheClockThatJumpsIsTheOneInUse) {
  const auto before = std::chrono::system_clock::now();
  g_offset_seconds = 2 * kHour;
  EXPECT_GT(std::chrono::system_clock::now() - before, std::chrono::hours(1));
  EXPECT_GT(gpr_now(GPR_CLOCK_REALTIME).tv_sec, std::chrono::system_clock::to_time_t(before) + kHour);
  g_offset_seconds = 0;
}

TEST(ClockTest, StreamsAndWatchesGoOnWhenTheClockJumps) {
  const testing::ServedJob job = testing::MakeFaultJob(testing::LongForm() ? 4000 : 60);
  const std::vector<Digest> digests = testing::DigestsOf(job);
  const auto server = testing::StartServer(job.root);
  const std::string address = server->addresses()[0];

  const auto stats =
      v1::StatsService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext watching;
  v1::WatchStatsRequest request;
  request.set_interval_ms(100);
  const auto watch = stats->WatchStats(&watching, request);
  v1::WatchStatsResponse response;
  ASSERT_TRUE(watch->Read(&response));

  std::atomic<uint64_t> steps{0};
  Mutex mutex;
  Random random(5);
  testing::ExpectAllRanksRead(job, digests, {address}, 1, [&](uint64_t) {
    if (++steps % 16 != 0) return;
    MutexLock lock(&mutex);
    g_offset_seconds = static_cast<int64_t>(random.Below(48 * kHour)) - 24 * kHour;
  });
  EXPECT_EQ(steps, digests.size() * job.spec.draft.batch.num_steps);
  // The watch still speaks: a jump back by a day has not stopped it for a day.
  g_offset_seconds = 0;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(watch->Read(&response));
  g_offset_seconds = -24 * kHour;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(watch->Read(&response));
  watching.TryCancel();
  while (watch->Read(&response)) {
  }
  watch->Finish();
  const auto begun = std::chrono::steady_clock::now();
  server->Shutdown(std::chrono::milliseconds(20000));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  g_offset_seconds = 0;
}

}  // namespace
}  // namespace grouter
