// What two runs showed, in words: plainly, also when the baseline wins.
#ifndef GROUTER_TOOLS_REPORT_VERDICT_H_
#define GROUTER_TOOLS_REPORT_VERDICT_H_

#include <string>
#include <vector>

#include "tools/report/run_metrics.h"

namespace grouter {

// Sentences about loss, data and speed, the loss first. `table` trained by a routing table, `learned` with
// its own router, on the same samples in the same order. A difference of loss below 0.5 % is called none.
std::vector<std::string> Verdict(const RunMetrics& table, const RunMetrics& learned);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_VERDICT_H_
