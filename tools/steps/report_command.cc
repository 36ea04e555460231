#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/file.h"
#include "tools/report/report.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

struct Options {
  ReportInputs inputs;
  std::string out;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const std::string page, MakeReport(options->inputs));
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options->out, page));
  terminal.Result(absl::StrCat(options->out, ": open it in a browser\n"),
                  nlohmann::json{{"report", options->out}, {"bytes", page.size()}}.dump());
  return 0;
}

}  // namespace

void AddReportCommand(Command& root) {
  Command& command = root.Add("report", "draw two runs on one page that opens offline");
  Options* options = command.Keep(Options());
  command.Required("--table_run", &options->inputs.table_run, "folder of the run routed by a table")
      .Required("--learned_run", &options->inputs.learned_run, "folder of the run with a learned router")
      .Option("--results", &options->inputs.results, "folder of the steps' JSON results")
      .Option("--title", &options->inputs.title, "heading of the page")
      .Option("--subtitle", &options->inputs.subtitle, "line below the heading")
      .Required("--out", &options->out, "HTML file to write")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
