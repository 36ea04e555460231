#include "io/error.h"
#include "routing/table/commands/report.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options.table));
  GROUTER_ASSIGN_OR_RETURN(const TableReport report, MakeTableReport(*table, /*with_statistics=*/false));
  terminal.Result(TableReportText(report), TableReportJson(report));
  return 0;
}

}  // namespace

void AddTableInspectCommand(Command& table) {
  Command& command = table.Add("inspect", "print what a table is");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "table folder").Run([options](Terminal& terminal) {
    return Run(*options, terminal);
  });
}

}  // namespace grouter
