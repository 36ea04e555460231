// Signs of life of background loops, and who has been silent for too long.
#ifndef GROUTER_SERVER_STATS_HEARTBEAT_H_
#define GROUTER_SERVER_STATS_HEARTBEAT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace grouter {

// One thread's rounds. Written by that thread, read from any.
class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;

  // A round of work, from construction to destruction. Waiting for work is no round.
  class Round {
   public:
    explicit Round(Heartbeat* heartbeat) : heartbeat_(heartbeat) {
      ++heartbeat_->rounds_;
      heartbeat_->begun_ns_ = Clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
    }
    ~Round() { heartbeat_->begun_ns_ = 0; }
    Round(const Round&) = delete;

   private:
    Heartbeat* const heartbeat_;
  };

  uint64_t rounds() const { return rounds_; }
  // How long the round under way has lasted; zero while the thread waits.
  std::chrono::nanoseconds busy(Clock::time_point now) const;

 private:
  std::atomic<uint64_t> rounds_{0};
  std::atomic<int64_t> begun_ns_{0};
};

// What is known of a loop, one or several threads.
struct LoopReport {
  std::string name;
  uint64_t rounds = 0;
  double busy_seconds = 0;    // of the longest round under way
  double stall_seconds = 10;  // a round longer than this is a stall
  bool stalled() const { return busy_seconds > stall_seconds; }
};

LoopReport ReportOf(const std::string& name, const std::vector<const Heartbeat*>& heartbeats,
                    Heartbeat::Clock::time_point now, double stall_seconds = 10);

// Tells each stall once, and its end once. One thread at a time.
class StallWatch {
 public:
  struct News {
    std::vector<LoopReport> stalled;
    std::vector<std::string> recovered;
  };
  News Look(const std::vector<LoopReport>& loops);

 private:
  std::set<std::string> stalled_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STATS_HEARTBEAT_H_
