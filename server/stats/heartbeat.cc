#include "server/stats/heartbeat.h"

#include <algorithm>

namespace grouter {

std::chrono::nanoseconds Heartbeat::busy(Clock::time_point now) const {
  const int64_t begun = begun_ns_;
  if (begun == 0) return std::chrono::nanoseconds(0);
  return std::max(std::chrono::nanoseconds(0),
                  std::chrono::nanoseconds(now.time_since_epoch()) - std::chrono::nanoseconds(begun));
}

LoopReport ReportOf(const std::string& name, const std::vector<const Heartbeat*>& heartbeats,
                    Heartbeat::Clock::time_point now, double stall_seconds) {
  LoopReport report;
  report.name = name;
  report.stall_seconds = stall_seconds;
  for (const Heartbeat* heartbeat : heartbeats) {
    report.rounds += heartbeat->rounds();
    report.busy_seconds =
        std::max(report.busy_seconds, std::chrono::duration<double>(heartbeat->busy(now)).count());
  }
  return report;
}

StallWatch::News StallWatch::Look(const std::vector<LoopReport>& loops) {
  News news;
  for (const LoopReport& loop : loops) {
    if (loop.stalled() && stalled_.insert(loop.name).second) news.stalled.push_back(loop);
    if (!loop.stalled() && stalled_.erase(loop.name) > 0) news.recovered.push_back(loop.name);
  }
  return news;
}

}  // namespace grouter
