#include <algorithm>
#include <cstdlib>
#include <utility>

#include "client/grpc_plan_source.h"
#include "io/error.h"
#include "routing/planning/plans_of.h"
#include "tools/command/credential_options.h"
#include "tools/plan/commands.h"
#include "tools/plan/job_files.h"
#include "tools/plan/step_range.h"
#include "tools/plan/verification.h"

namespace grouter {
namespace {

struct Options {
  std::string job, schedule, steps;
  std::vector<std::string> tables, servers;
  uint64_t timeout_seconds = 60, max_findings = 20;
  ClientCredentials credentials;
};

// The plans of all ranks as a server sends them; one source a rank, opened when it is first asked.
class ServedPlans {
 public:
  ServedPlans(const Options& options, const JobSpec& spec)
      : options_(options), spec_(spec), sources_(spec.draft.topology.world_size()) {}

  PlansUnderTest Plans() {
    PlansUnderTest plans;
    plans.step_part = [this](uint64_t step, uint32_t rank) -> absl::StatusOr<StepPart> {
      GROUTER_ASSIGN_OR_RETURN(PlanSource * source, SourceOf(rank));
      GROUTER_ASSIGN_OR_RETURN(const auto part, source->Step(step));
      return *part;
    };
    plans.micro_batch = [this](uint64_t step, uint32_t rank,
                               uint32_t micro_batch) -> absl::StatusOr<MicroBatchPlan> {
      GROUTER_ASSIGN_OR_RETURN(PlanSource * source, SourceOf(rank));
      GROUTER_ASSIGN_OR_RETURN(const auto plan, source->MicroBatch(step, micro_batch));
      if (micro_batch + 1 == spec_.draft.batch.num_micro_batches) source->Finished(step);
      return *plan;
    };
    return plans;
  }

 private:
  absl::StatusOr<PlanSource*> SourceOf(uint32_t rank) {
    if (sources_[rank] == nullptr) {
      GrpcPlanSourceOptions grpc;
      grpc.spec = spec_;
      grpc.servers = options_.servers;
      grpc.rank = rank;
      grpc.credentials = WithEnvironment(options_.credentials, std::getenv);
      grpc.server_timeout = std::chrono::seconds(options_.timeout_seconds);
      GROUTER_ASSIGN_OR_RETURN(sources_[rank], ConnectPlanSource(std::move(grpc)));
    }
    return sources_[rank].get();
  }

  const Options& options_;
  const JobSpec& spec_;
  std::vector<std::unique_ptr<PlanSource>> sources_;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto planner, OpenPlanner(options.job, options.tables, options.schedule));
  GROUTER_ASSIGN_OR_RETURN(const StepRange range, ParseStepRange(options.steps, planner->num_steps()));
  GROUTER_ASSIGN_OR_RETURN(const auto tables, OpenTables(planner->spec().draft, options.tables));
  ServedPlans served(options, planner->spec());
  PlansUnderTest plans = PlansOf(*planner);
  if (!options.servers.empty()) {
    auto list = std::move(plans.sample_list);
    plans = served.Plans();
    plans.sample_list = std::move(list);
  }
  return VerifyAndTell(*planner, tables, plans, range, std::max<uint64_t>(options.max_findings, 1), terminal);
}

}  // namespace

void AddPlanVerifyCommand(Command& plan) {
  Command& command = plan.Add("verify", "check the plans of all ranks of a range of steps together");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job (JSON)")
      .Required("--tables", &options->tables, "table folders the job names")
      .Required("--schedule", &options->schedule, "placement schedule the job names")
      .Option("--steps", &options->steps, "FIRST..LAST; all steps without it")
      .Option("--server", &options->servers, "host:port: check what this server sends; else plans made here")
      .Option("--server_timeout", &options->timeout_seconds, "seconds to wait for a server")
      .Option("--max_findings", &options->max_findings, "stop after so many");
  AddCredentialOptions(command, &options->credentials)
      .Footer(
          "Every sample once per epoch, every token at its experts, splits alike at both ends, capacities,\n"
          "memory, transfers free of deadlock; by code that shares nothing with the planner. Exit code 1: a\n"
          "finding.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
