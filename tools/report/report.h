// The report: what the files of a pipeline's folder become on one page.
#ifndef GROUTER_TOOLS_REPORT_REPORT_H_
#define GROUTER_TOOLS_REPORT_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "io/file.h"

namespace grouter {

struct ReportInputs {
  std::string title = "Grouter: what the runs showed";
  std::string subtitle;
  std::string
      table_run;  // folder of the run routed by a table: metrics.jsonl, timeline.json, timeline.rankN.json
  std::string learned_run;  // folder of the run with a learned router
  // Folder with the JSON results of the steps (`grouter STEP --json`): `stats.json` gives the expert load,
  // `place.json` the traffic, all of them rows of the table of numbers. What is missing is left out of the
  // page.
  std::string results;
};

// The page's HTML. Errors name the file that cannot be used.
absl::StatusOr<std::string> MakeReport(const ReportInputs& inputs, FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_REPORT_H_
