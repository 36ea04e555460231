// report.html: one file with its data, styles, program and the drawing library inside; opens offline.
#ifndef GROUTER_TOOLS_REPORT_PAGE_H_
#define GROUTER_TOOLS_REPORT_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

// The page that draws `data`, the JSON that report.cc makes (its fields are listed there).
std::string ReportPage(absl::string_view data);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_PAGE_H_
