#include "tools/table/stats_page.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/table/stats_assets.h"

namespace grouter {

std::string StatsPage(const TableReport& report) {
  TableReport rounded = report;
  for (LayerGroupReport& group : rounded.layer_groups) {
    for (std::vector<double>& row : group.coactivation) {
      for (double& share : row) share = std::round(share * 1e6) / 1e6;
    }
  }
  // Inside a script element only "</" and "<!--" could end the data early; this stays valid JSON.
  const std::string data = absl::StrReplaceAll(TableReportJson(rounded), {{"<", "\\u003c"}});
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n<title>Grouter: a routing table</title>\n",
      kStatsHtml, "<script type=\"application/json\" id=\"data\">", data, "</script>\n<script>\n", kStatsJs,
      "</script>\n</body>\n</html>\n");
}

}  // namespace grouter
