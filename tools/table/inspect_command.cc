#include "io/error.h"
#include "routing/table/commands/report.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  bool header_only = false;
  ReportOptions report;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options->table));
  options->report.progress = terminal.Progress("reading statistics", "layer groups");
  GROUTER_ASSIGN_OR_RETURN(const TableReport report,
                           MakeTableReport(*table, !options->header_only, options->report));
  terminal.Result(TableReportText(report), TableReportJson(report));
  return 0;
}

}  // namespace

void AddTableInspectCommand(Command& table) {
  Command& command = table.Add("inspect", "print what a table is, and a line for each layer group");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "table folder")
      .Option("--ranks", &options->report.num_ranks,
              "that would hold the experts in order, for balancedness; 0: left out")
      .Flag("--header_only", &options->header_only, "leave load, MaxVio, entropy and dead experts out")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
