#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/file.h"
#include "routing/planning/batch_planner.h"
#include "tools/plan/commands.h"
#include "tools/plan/job_files.h"
#include "tools/plan/make_schedule.h"
#include "tools/plan/place_estimate.h"
#include "tools/plan/traffic.h"

namespace grouter {
namespace {

struct Options {
  std::string job, out_schedule, out_job;
  std::vector<std::string> tables;
  uint64_t traffic_steps = 64;
  std::string policy = "search";
  bool estimate = false;
  ScheduleRequest request;
};

absl::StatusOr<int> Estimate(const Options& options, const JobDraft& draft, const Tables& tables,
                             Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const PlaceEstimate estimate,
                           EstimatePlacement(draft, tables, options.request, terminal));
  terminal.Result(EstimateText(estimate), nlohmann::json{{"seconds", estimate.seconds},
                                                         {"memory_bytes", estimate.memory_bytes},
                                                         {"read_bytes", estimate.read_bytes},
                                                         {"schedule_bytes", estimate.schedule_bytes},
                                                         {"move_bytes", estimate.move_bytes}}
                                              .dump());
  return 0;
}

// What an older schedule and several epochs changed.
void Tell(const MadeSchedule& made, std::string* people, nlohmann::json* json) {
  if (made.replanned.has_value()) {
    (*json)["surviving_ranks"] = made.replanned->num_surviving;
    (*json)["moved_experts"] = made.replanned->num_moves;
    (*json)["moved_bytes"] = made.replanned->moved_bytes;
    absl::StrAppend(people, "  from the older placement: ", made.replanned->num_surviving, " ranks go on, ",
                    Grouped(made.replanned->num_moves), " experts move (",
                    HumanBytes(made.replanned->moved_bytes), ")\n");
  }
  if (!made.epochs.has_value()) return;
  (*json)["predicted_run_ns"] = made.epochs->predicted_run_ns;
  (*json)["one_epoch_run_ns"] = made.epochs->one_epoch_run_ns;
  absl::StrAppendFormat(people, "  the run: %.3f s, with one placement %.3f s\n",
                        made.epochs->predicted_run_ns / 1e9, made.epochs->one_epoch_run_ns / 1e9);
  for (const PlacementEpoch& epoch : made.schedule.epochs) {
    (*json)["epochs"].push_back({{"first_step", epoch.first_step}, {"moves", epoch.moves.size()}});
    absl::StrAppend(people, "    from step ", Grouped(epoch.first_step), ": ", Grouped(epoch.moves.size()),
                    " moves\n");
  }
}

absl::StatusOr<int> Run(Options options, Terminal& terminal) {
  const std::map<std::string, GroupingPolicy> policies = {{"search", GroupingPolicy::kSearch},
                                                          {"clusters", GroupingPolicy::kSampleClusters},
                                                          {"level", GroupingPolicy::kLevel},
                                                          {"joint", GroupingPolicy::kJoint}};
  const auto policy = policies.find(options.policy);
  if (policy == policies.end()) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("no policy ", options.policy), "--policy",
                 "search, clusters, level or joint");
  }
  options.request.place.policy = policy->second;
  GROUTER_ASSIGN_OR_RETURN(JobDraft draft, ReadJobDraft(options.job));
  GROUTER_ASSIGN_OR_RETURN(const Tables tables, OpenTables(draft, options.tables));
  if (options.estimate) return Estimate(options, draft, tables, terminal);
  if (options.out_schedule.empty() || options.out_job.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "nowhere to write to", "--out_schedule, --out_job",
                 "give both, or --estimate");
  }
  GROUTER_ASSIGN_OR_RETURN(const MadeSchedule made, MakeSchedule(draft, tables, options.request, terminal));
  const PlacementSchedule& schedule = made.schedule;
  JobSpec spec;
  spec.draft = std::move(draft);
  spec.schedule = schedule.digest();
  GROUTER_ASSIGN_OR_RETURN(const auto planner,
                           BatchPlanner::Create(spec, tables, std::make_shared<PlacementSchedule>(schedule)));
  nlohmann::json json = {{"schedule", options.out_schedule},
                         {"schedule_digest", spec.schedule.Hex()},
                         {"job", options.out_job},
                         {"job_digest", spec.digest().Hex()},
                         {"num_steps", planner->num_steps()},
                         {"num_placement_epochs", schedule.epochs.size()},
                         {"predicted_step_ns", schedule.predicted_step_ns},
                         {"contiguous_step_ns", schedule.contiguous_step_ns}};
  std::string people =
      absl::StrFormat("%s: job %s, %s steps\n  predicted step: %.3f ms, with experts in order %.3f ms\n",
                      options.out_job, spec.digest().ShortHex(), Grouped(planner->num_steps()),
                      schedule.predicted_step_ns / 1e6, schedule.contiguous_step_ns / 1e6);
  Tell(made, &people, &json);
  if (options.traffic_steps > 0) {
    GROUTER_ASSIGN_OR_RETURN(const auto in_order, MakeInOrderPlanner(spec.draft, tables));
    GROUTER_ASSIGN_OR_RETURN(const TrafficMatrix before, TrafficOf(*in_order, options.traffic_steps));
    GROUTER_ASSIGN_OR_RETURN(const TrafficMatrix after, TrafficOf(*planner, options.traffic_steps,
                                                                  terminal.Progress("planning", "steps")));
    json["traffic"] = {{"unit", "rows"},
                       {"steps", std::min(options.traffic_steps, planner->num_steps())},
                       {"before", before},
                       {"after", after}};
    absl::StrAppend(&people, "  rows that leave their rank in ", json["traffic"]["steps"].dump(),
                    " steps: ", Grouped(RemoteRows(after)), ", with experts and samples in order ",
                    Grouped(RemoteRows(before)), "\n");
  }
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out_schedule, schedule.Encode()));
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out_job, spec.ToJson()));
  terminal.Result(people, json.dump());
  return 0;
}

}  // namespace

void AddPlaceCommand(Command& root) {
  Command& command =
      root.Add("place", "search which experts live together: a placement schedule, and its job");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job draft (JSON; grouter job make)")
      .Required("--tables", &options->tables, "table folders the draft names")
      .Option("--out_schedule", &options->out_schedule,
              "placement schedule to write; servers find NAME.schedule")
      .Option("--out_job", &options->out_job, "job to write (JSON)")
      .Flag("--estimate", &options->estimate, "only say what the search would take: time and bytes")
      .Option("--iterations", &options->request.place.iterations,
              "budget of the search; more are never worse")
      .Option("--policy", &options->policy,
              "search tries them all but clusters, the paper's pipeline, which knows no cap; level: by load; "
              "joint: on one node")
      .Option("--load_cap", &options->request.place.load_cap, "busiest rank / mean, at most")
      .Option("--epochs", &options->request.max_epochs,
              "placements one after the other, at most; needs --move_bytes")
      .Option("--move_bytes", &options->request.move_bytes,
              "that may travel in an EP group when an epoch begins; with --from besides what must")
      .Option("--refine_iterations", &options->request.refine_iterations,
              "swaps judged by the cost model, for each stretch of the run and with --from")
      .Option("--from", &options->request.from,
              "older schedule: the world changed, experts stay where they can")
      .Option("--from_job", &options->request.from_job,
              "its job: ranks survive on nodes of the same name; without it by number")
      .Option("--from_step", &options->request.from_step, "of the older job, whose placement to keep")
      .Option("--traffic_steps", &options->traffic_steps,
              "steps whose traffic is counted before and after; 0: none")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
