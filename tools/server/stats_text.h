// A server's statistics as text for a terminal.
#ifndef GROUTER_TOOLS_SERVER_STATS_TEXT_H_
#define GROUTER_TOOLS_SERVER_STATS_TEXT_H_

#include <string>

#include "grouter/v1/stats_service.pb.h"

namespace grouter {

// Lines for the server, then each job with its workers, then the tables. What a server did not measure is
// left out; a long traffic matrix is shown by node, or not at all.
std::string StatsText(const v1::GetStatsResponse& stats);

// One line, proto field names, unset optional fields left out.
std::string StatsJson(const v1::GetStatsResponse& stats);

}  // namespace grouter

#endif  // GROUTER_TOOLS_SERVER_STATS_TEXT_H_
