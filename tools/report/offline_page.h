// One HTML file with its data, styles, program and the drawing library inside; opens offline.
#ifndef GROUTER_TOOLS_REPORT_OFFLINE_PAGE_H_
#define GROUTER_TOOLS_REPORT_OFFLINE_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

// `title` is plain text, `body` the body element, `script` a program that draws with d3 and assets/draw.js
// from the JSON in the element "data".
std::string OfflinePage(absl::string_view title, absl::string_view body, absl::string_view script,
                        absl::string_view data);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_OFFLINE_PAGE_H_
