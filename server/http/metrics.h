// Prometheus metrics from a statistics snapshot. Base units, one series a job: no label per expert or rank.
#ifndef GROUTER_SERVER_HTTP_METRICS_H_
#define GROUTER_SERVER_HTTP_METRICS_H_

#include <cstdint>
#include <map>
#include <string>

#include "grouter/v1/stats_service.pb.h"

namespace grouter {

// `heartbeats`: rounds of each background loop, by name. Text exposition format.
std::string MetricsText(const v1::GetStatsResponse& stats, const std::map<std::string, uint64_t>& heartbeats);

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_METRICS_H_
