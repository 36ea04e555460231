#include <signal.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "server/config/reload.h"
#include "server/server.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(1000);

sigset_t Handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// The signal that came within `time`; 0: none.
int SignalWithin(std::chrono::milliseconds time) {
  const sigset_t set = Handled();
  timespec wait{};
  wait.tv_sec = time / std::chrono::seconds(1);
  wait.tv_nsec = time % std::chrono::seconds(1) / std::chrono::nanoseconds(1);
  return std::max(0, sigtimedwait(&set, nullptr, &wait));
}

bool IsEnd(int signal) { return signal == SIGTERM || signal == SIGINT; }

// True when a signal to end came within `time`.
bool EndSignalWithin(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (IsEnd(SignalWithin(left))) return true;
  }
}

std::string Names(const std::vector<std::string>& names) {
  return names.empty() ? "none" : absl::StrJoin(names, ",");
}

void Reload(const ReadConfig& read_config, Server* server, server::ServerConfig* running) {
  const absl::StatusOr<ServerCommand> next = read_config();
  if (!next.ok()) {
    spdlog::error("event=reload outcome=refused error=\"{}\"", std::string(next.status().message()));
    return;
  }
  const ConfigChanges changes = CompareConfigs(*running, next->config);
  const absl::Status taken = server->Reload(next->config);
  if (absl::IsInvalidArgument(taken)) {  // certificates tell for themselves
    spdlog::error("event=reload outcome=refused error=\"{}\"", std::string(taken.message()));
    return;
  }
  *running = TakeReloadable(*running, next->config);
  spdlog::set_level(spdlog::level::from_str(running->log_level()));
  spdlog::info("event=reload changed={} needs_restart={} read_again=tokens,certificates,roots",
               Names(changes.now), Names(changes.at_restart));
}

void TellStalls(const StallWatch::News& news) {
  for (const LoopReport& loop : news.stalled) {
    spdlog::error("event=stall loop={} busy_seconds={:.1f}", loop.name, loop.busy_seconds);
  }
  for (const std::string& loop : news.recovered) spdlog::warn("event=stall_over loop={}", loop);
}

}  // namespace

void PrepareProcess() {
  const sigset_t set = Handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // Debian builds Abseil with its search for lock cycles, at every lock that gRPC takes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void ServeUntilSignal(const server::ServerConfig& config, const ReadConfig& read_config, Server* server) {
  server::ServerConfig running = config;
  StallWatch stalls;
  for (int signal = 0; !IsEnd(signal);) {
    signal = SignalWithin(kBetweenLooks);
    if (signal == SIGHUP) Reload(read_config, server, &running);
    if (signal == 0) TellStalls(stalls.Look(server->loops()));
  }
  const std::chrono::milliseconds delay(config.timing().drain_delay_ms());
  spdlog::info("event=drain delay_ms={}", delay.count());
  server->BeginDrain();
  const bool hurried = EndSignalWithin(delay);
  server->Shutdown(std::chrono::milliseconds(hurried ? 0 : config.timing().shutdown_ms()));
  spdlog::info("event=stopped");
}

}  // namespace grouter
