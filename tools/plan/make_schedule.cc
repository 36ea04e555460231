#include "tools/plan/make_schedule.h"

#include <utility>

#include "io/error.h"
#include "tools/plan/job_files.h"

namespace grouter {
namespace {

absl::StatusOr<ReplannedSchedule> GoOnFrom(const JobDraft& draft, const Tables& tables,
                                           const ScheduleRequest& request) {
  GROUTER_ASSIGN_OR_RETURN(const auto old, ReadSchedule(request.from));
  JobDraft old_draft = draft;
  old_draft.ep_size = old->epochs[0].placement[0].ep_size();
  if (!request.from_job.empty()) {
    GROUTER_ASSIGN_OR_RETURN(const JobSpec old_spec, ReadJobSpec(request.from_job));
    if (old_spec.schedule != old->digest()) {
      return Error(absl::StatusCode::kInvalidArgument, "the older job names another schedule",
                   request.from_job, "give the job that was made with --from's schedule");
    }
    old_draft = old_spec.draft;
  }
  std::vector<uint32_t> surviving = SurvivingRanks(old_draft, draft);
  if (request.from_job.empty()) {
    for (uint32_t r = 0; r < draft.ep_size; ++r) surviving[r] = r < old_draft.ep_size ? r : kNoRank;
  }
  ReplanOptions options;
  options.move_bytes = request.move_bytes;
  options.iterations = request.refine_iterations;
  options.load_cap = request.place.load_cap;
  return ReplanSchedule(draft, tables, old->epochs[old->EpochOf(request.from_step)].placement, surviving,
                        options);
}

}  // namespace

absl::StatusOr<MadeSchedule> MakeSchedule(const JobDraft& draft, const Tables& tables,
                                          const ScheduleRequest& request, Terminal& terminal) {
  if (request.max_epochs == 0 || (request.max_epochs > 1 && request.move_bytes == 0)) {
    return Error(absl::StatusCode::kInvalidArgument, "several placement epochs need experts that may move",
                 "--epochs, --move_bytes", "give --move_bytes, or --epochs 1");
  }
  MadeSchedule made;
  if (request.from.empty()) {
    GROUTER_ASSIGN_OR_RETURN(made.schedule, PlaceExperts(draft, tables, request.place));
  } else {
    GROUTER_ASSIGN_OR_RETURN(made.replanned, GoOnFrom(draft, tables, request));
    made.schedule = made.replanned->schedule;
  }
  if (request.max_epochs > 1) {
    EpochOptions options;
    options.max_epochs = request.max_epochs;
    options.move_bytes = request.move_bytes;
    options.iterations = request.refine_iterations;
    options.load_cap = request.place.load_cap;
    GROUTER_ASSIGN_OR_RETURN(made.epochs,
                             ScheduleEpochs(draft, tables, made.schedule, options,
                                            terminal.Progress("cutting placement epochs", "segments")));
    made.schedule = made.epochs->schedule;
  }
  return made;
}

}  // namespace grouter
