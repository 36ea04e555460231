#include <signal.h>

#include <chrono>

#include "server/server.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

sigset_t Handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// True when a signal to end came within `time`.
bool EndSignalWithin(std::chrono::milliseconds time) {
  const sigset_t set = Handled();
  const auto until = std::chrono::steady_clock::now() + time;
  while (true) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return false;
    timespec wait{};
    wait.tv_sec = left / std::chrono::seconds(1);
    wait.tv_nsec = left % std::chrono::seconds(1) / std::chrono::nanoseconds(1);
    const int signal = sigtimedwait(&set, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) return true;
  }
}

}  // namespace

void BlockSignals() {
  const sigset_t set = Handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

void ServeUntilSignal(const server::ServerConfig& config, Server* server) {
  const sigset_t set = Handled();
  int signal = 0;
  while (signal != SIGTERM && signal != SIGINT) {
    if (sigwait(&set, &signal) != 0) continue;
    if (signal == SIGHUP) {
      spdlog::info(
          "event=reload changed=none note=\"roots are read at each use; other fields need a restart\"");
    }
  }
  const std::chrono::milliseconds delay(config.timing().drain_delay_ms());
  spdlog::info("event=drain delay_ms={}", delay.count());
  server->BeginDrain();
  const bool hurried = EndSignalWithin(delay);
  server->Shutdown(std::chrono::milliseconds(hurried ? 0 : config.timing().shutdown_ms()));
  spdlog::info("event=stopped");
}

}  // namespace grouter
