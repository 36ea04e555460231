// What the clients of the benchmark share: the processor time of a server, and how a process is made fit to
// receive.
#ifndef GROUTER_TESTS_BENCH_STREAM_CLIENT_PROCESS_H_
#define GROUTER_TESTS_BENCH_STREAM_CLIENT_PROCESS_H_

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/synchronization/mutex.h"

namespace grouter {

// User and system seconds of all threads of process `pid` so far; 0 for pid 0 or a process that is gone.
inline double ProcessSeconds(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const size_t name_end = line.rfind(')');
  if (pid == 0 || name_end == std::string::npos) return 0;
  unsigned long long user = 0, system = 0;
  if (sscanf(line.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
             &system) != 2) {
    return 0;
  }
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// For a client that receives gigabytes a second: gRPC's receive buffers come and go, and glibc would give
// their pages back to the kernel and take new ones each time; Abseil as Debian builds it searches for cycles
// at each lock.
inline void PrepareFastClient() {
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 16 << 20);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_STREAM_CLIENT_PROCESS_H_
