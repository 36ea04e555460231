// Prometheus metrics from a statistics snapshot. Base units, one series a job: no label per expert or rank.
#ifndef GROUTER_SERVER_HTTP_METRICS_H_
#define GROUTER_SERVER_HTTP_METRICS_H_

#include <string>
#include <vector>

#include "grouter/v1/stats_service.pb.h"
#include "server/stats/heartbeat.h"

namespace grouter {

// Text exposition format.
std::string MetricsText(const v1::GetStatsResponse& stats, const std::vector<LoopReport>& loops);

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_METRICS_H_
