// The report of a folder, for the browser test: make_report TABLE_RUN LEARNED_RUN RESULTS > report.html
#include <iostream>

#include "tools/report/report.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  grouter::ReportInputs inputs;
  inputs.subtitle = "Made-up runs";
  inputs.table_run = argv[1];
  inputs.learned_run = argv[2];
  inputs.results = argv[3];
  const absl::StatusOr<std::string> page = grouter::MakeReport(inputs);
  if (!page.ok()) {
    std::cerr << page.status() << "\n";
    return 3;
  }
  std::cout << *page;
  return 0;
}
