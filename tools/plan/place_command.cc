#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/file.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/placement/place_experts.h"
#include "tools/plan/commands.h"
#include "tools/plan/job_files.h"
#include "tools/plan/traffic.h"

namespace grouter {
namespace {

struct Options {
  std::string job, out_schedule, out_job;
  std::vector<std::string> tables;
  uint64_t traffic_steps = 64;
  PlaceOptions place;
};

using Tables = std::vector<std::shared_ptr<const RoutingTable>>;

// What a trainer without a plan does: experts and samples dealt in order.
absl::StatusOr<TrafficMatrix> TrafficInOrder(JobDraft draft, const Tables& tables, uint64_t steps) {
  draft.batch.assignment = AssignmentPolicy::kInOrder;
  draft.model.num_slots_per_rank = 0;
  draft.model.num_resident_experts = 0;
  PlacementSchedule schedule;
  schedule.draft = draft.digest();
  const uint32_t groups =
      1 + *std::max_element(draft.model.layer_group_of_layer.begin(), draft.model.layer_group_of_layer.end());
  PlacementEpoch epoch;
  epoch.placement.assign(groups, LayerPlacement::Contiguous(tables[0]->header().num_experts, draft.ep_size));
  schedule.epochs.push_back(std::move(epoch));
  JobSpec spec;
  spec.draft = std::move(draft);
  spec.schedule = schedule.digest();
  GROUTER_ASSIGN_OR_RETURN(const auto planner,
                           BatchPlanner::Create(spec, tables, std::make_shared<PlacementSchedule>(schedule)));
  return TrafficOf(*planner, steps);
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(JobDraft draft, ReadJobDraft(options.job));
  GROUTER_ASSIGN_OR_RETURN(const Tables tables, OpenTables(draft, options.tables));
  GROUTER_ASSIGN_OR_RETURN(const PlacementSchedule schedule, PlaceExperts(draft, tables, options.place));
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
  if (options.traffic_steps > 0) {
    GROUTER_ASSIGN_OR_RETURN(const TrafficMatrix before,
                             TrafficInOrder(spec.draft, tables, options.traffic_steps));
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
      .Required("--out_schedule", &options->out_schedule,
                "placement schedule to write; servers find NAME.schedule")
      .Required("--out_job", &options->out_job, "job to write (JSON)")
      .Option("--iterations", &options->place.iterations, "budget of the search; more are never worse")
      .Option("--load_cap", &options->place.load_cap, "busiest rank / mean, at most")
      .Option("--traffic_steps", &options->traffic_steps,
              "steps whose traffic is counted before and after; 0: none")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
