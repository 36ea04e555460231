#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/file.h"
#include "routing/table/commands/report.h"
#include "tools/table/commands.h"
#include "tools/table/stats_page.h"

namespace grouter {
namespace {

struct Options {
  std::string table, html;
  ReportOptions report;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options->table));
  options->report.coactivation = !options->html.empty();
  options->report.progress = terminal.Progress("reading statistics", "layer groups");
  GROUTER_ASSIGN_OR_RETURN(TableReport report,
                           MakeTableReport(*table, /*with_statistics=*/true, options->report));
  std::string people = absl::StrCat(TableReportText(report), ExpertLoadText(report));
  if (!options->html.empty()) {
    GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options->html, StatsPage(report)));
    absl::StrAppend(&people, "\n", options->html, ": load per expert and layer group, co-activation\n");
    for (LayerGroupReport& group : report.layer_groups) group.coactivation.clear();
  }
  terminal.Result(people, TableReportJson(report));
  return 0;
}

}  // namespace

void AddTableStatsCommand(Command& table) {
  Command& command =
      table.Add("stats", "print the load of every expert, MaxVio, balancedness, entropy, dead experts");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "table folder")
      .Option("--ranks", &options->report.num_ranks,
              "that would hold the experts in order, for balancedness; 0: left out")
      .Option("--html", &options->html, "also draw load and co-activation into this file; it opens offline")
      .Option("--bins", &options->report.coactivation_bins,
              "rows of the drawn matrix at most; experts are summed")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
