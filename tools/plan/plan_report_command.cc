#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/file.h"
#include "tools/placement_report/placement_report.h"
#include "tools/plan/commands.h"
#include "tools/plan/explanation.h"
#include "tools/plan/job_files.h"
#include "tools/plan/step_range.h"

namespace grouter {
namespace {

struct Options {
  std::string job, schedule, steps, out = "plan_report.html";
  std::vector<std::string> tables;
  uint64_t max_steps = 64;
  uint32_t layer_group = 0;
  PlacementReportInputs page;
};

// At most `most` of the range, spread evenly.
std::vector<uint64_t> Spread(const StepRange& range, uint64_t most) {
  const uint64_t all = range.last - range.first + 1;
  const uint64_t count = std::min(all, std::max<uint64_t>(most, 1));
  std::vector<uint64_t> steps;
  for (uint64_t i = 0; i < count; ++i) steps.push_back(range.first + i * all / count);
  return steps;
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto planner, OpenPlanner(options.job, options.tables, options.schedule));
  GROUTER_ASSIGN_OR_RETURN(const auto tables, OpenTables(planner->spec().draft, options.tables));
  GROUTER_ASSIGN_OR_RETURN(const StepRange range, ParseStepRange(options.steps, planner->num_steps()));
  const std::vector<uint64_t> steps = Spread(range, options.max_steps);
  GROUTER_ASSIGN_OR_RETURN(const Explanation explanation, Explain(*planner, tables, steps, /*num_hot=*/5,
                                                                  terminal.Progress("planning", "steps")));
  GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics statistics, tables[0]->Statistics(options.layer_group));
  PlacementReportInputs page = options.page;
  page.spec = &planner->spec();
  page.placement = &planner->schedule().epochs[explanation.last_epoch].placement;
  page.layer_group = options.layer_group;
  page.statistics = &statistics;
  page.explanation = &explanation;
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out, PlacementReportPage(page)));
  terminal.Result(absl::StrCat(options.out, "\n"),
                  nlohmann::json{{"report", options.out}, {"steps", steps.size()}}.dump());
  return 0;
}

}  // namespace

void AddPlanReportCommand(Command& plan) {
  Command& command =
      plan.Add("report", "draw co-activation, placement, traffic and load: one page that opens offline");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job (JSON)")
      .Required("--tables", &options->tables, "table folders the job names")
      .Required("--schedule", &options->schedule, "placement schedule the job names")
      .Option("--out", &options->out, "page to write")
      .Option("--title", &options->page.title, "of the page")
      .Option("--steps", &options->steps, "FIRST..LAST; all steps without it")
      .Option("--max_steps", &options->max_steps, "of them, spread evenly, whose plans are made")
      .Option("--layer_group", &options->layer_group, "whose co-activation and experts are drawn")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
