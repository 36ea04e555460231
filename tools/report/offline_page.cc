#include "tools/report/offline_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/report/offline_assets.h"

namespace grouter {

std::string OfflinePage(absl::string_view title, absl::string_view body, absl::string_view script,
                        absl::string_view data) {
  // Inside a script element only "</" and "<!--" could end the data early; both stay valid JSON so.
  const std::string safe = absl::StrReplaceAll(data, {{"<", "\\u003c"}});
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>",
      absl::StrReplaceAll(title, {{"&", "&amp;"}, {"<", "&lt;"}}), "</title>\n<style>\n", kReportCss,
      "</style>\n</head>\n", body, "<script type=\"application/json\" id=\"data\">", safe,
      "</script>\n<!-- d3, Copyright (c) 2010-2016 Michael Bostock, BSD 3-clause licence -->\n<script>\n",
      kD3Js, "\n</script>\n<script>\n", kDrawJs, "</script>\n<script>\n", script, "</script>\n</html>\n");
}

}  // namespace grouter
