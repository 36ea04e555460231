#include "tools/report/page.h"

#include "tools/report/assets.h"
#include "tools/report/offline_page.h"

namespace grouter {

std::string ReportPage(absl::string_view data) {
  return OfflinePage("Grouter: what the runs showed", kReportBody, kReportJs, data);
}

}  // namespace grouter
