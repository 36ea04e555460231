#include "io/error.h"
#include "routing/table/commands/report.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  ReportOptions report;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options.table));
  GROUTER_ASSIGN_OR_RETURN(const TableReport report,
                           MakeTableReport(*table, /*with_statistics=*/true, options.report));
  terminal.Result(TableReportText(report), TableReportJson(report));
  return 0;
}

}  // namespace

void AddTableStatsCommand(Command& table) {
  Command& command = table.Add("stats", "print expert load, MaxVio, balancedness, entropy and dead experts");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "table folder")
      .Option("--ranks", &options->report.num_ranks,
              "that would hold the experts in order, for balancedness; 0: left out")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
