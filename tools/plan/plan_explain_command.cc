#include "io/error.h"
#include "tools/plan/commands.h"
#include "tools/plan/explanation.h"
#include "tools/plan/job_files.h"
#include "tools/plan/step_range.h"

namespace grouter {
namespace {

struct Options {
  std::string job, schedule, steps = "0";
  std::vector<std::string> tables;
  uint32_t num_hot = 5;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto planner, OpenPlanner(options.job, options.tables, options.schedule));
  GROUTER_ASSIGN_OR_RETURN(const auto tables, OpenTables(planner->spec().draft, options.tables));
  GROUTER_ASSIGN_OR_RETURN(const StepRange range, ParseStepRange(options.steps, planner->num_steps()));
  std::vector<uint64_t> steps;
  for (uint64_t step = range.first; step <= range.last; ++step) steps.push_back(step);
  GROUTER_ASSIGN_OR_RETURN(const Explanation explanation, Explain(*planner, tables, steps, options.num_hot,
                                                                  terminal.Progress("explaining", "steps")));
  terminal.Result(ExplanationText(explanation, planner->spec().draft), ExplanationJson(explanation));
  return 0;
}

}  // namespace

void AddPlanExplainCommand(Command& plan) {
  Command& command = plan.Add("explain", "in words: what a plan does, why, and what that saves");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job (JSON)")
      .Required("--tables", &options->tables, "table folders the job names")
      .Required("--schedule", &options->schedule, "placement schedule the job names")
      .Option("--steps", &options->steps, "FIRST..LAST, or one step")
      .Option("--hot", &options->num_hot, "hot experts to list")
      .Footer("Compared with experts and samples dealt in order, what a trainer without a plan does.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
