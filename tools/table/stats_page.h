// `grouter table stats --html`: one file with its data and program inside; opens offline.
#ifndef GROUTER_TOOLS_TABLE_STATS_PAGE_H_
#define GROUTER_TOOLS_TABLE_STATS_PAGE_H_

#include <string>

#include "routing/table/commands/report.h"

namespace grouter {

// Draws load per expert and layer group, and each layer group's co-activation matrix (as far as `report`
// holds it; its shares are rounded to millionths).
std::string StatsPage(const TableReport& report);

}  // namespace grouter

#endif  // GROUTER_TOOLS_TABLE_STATS_PAGE_H_
