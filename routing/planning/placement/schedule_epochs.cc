#include "routing/planning/placement/schedule_epochs.h"

#include <algorithm>
#include <utility>

#include "io/error.h"
#include "routing/planning/ep_group.h"
#include "routing/planning/placement/expert_moves.h"
#include "routing/planning/placement/refine.h"
#include "routing/planning/placement/step_predictor.h"

namespace grouter {
namespace {

constexpr uint64_t kNever = UINT64_MAX;

struct Segment {
  uint64_t first = 0, num_steps = 0;
  // Apart where the segment is long enough, so that a placement is not judged by what it was fitted to.
  std::vector<uint64_t> fitted, judged;
};

std::vector<Segment> CutRun(uint64_t num_steps, const EpochOptions& options) {
  const uint64_t wanted = options.num_segments > 0 ? options.num_segments : uint64_t{2} * options.max_epochs;
  const uint64_t count = std::max<uint64_t>(std::min(wanted, num_steps), 1);
  std::vector<Segment> segments(count);
  for (uint64_t s = 0; s < count; ++s) {
    Segment& segment = segments[s];
    segment.first = num_steps * s / count;
    segment.num_steps = num_steps * (s + 1) / count - segment.first;
    const uint64_t picked = std::min<uint64_t>(std::max(options.judged_steps, 1u), segment.num_steps);
    for (uint64_t i = 0; i < picked; ++i) {
      const uint64_t begin = segment.num_steps * i / picked, end = segment.num_steps * (i + 1) / picked;
      segment.fitted.push_back(segment.first + begin);
      segment.judged.push_back(segment.first + begin + (end - begin) / 2);
    }
  }
  return segments;
}

// Of all samples of the segment: they are known, and a sample's counts are stored.
absl::StatusOr<GroupLoads> LoadsOf(const JobSamples& samples, const Segment& segment, size_t num_groups) {
  GroupLoads loads(num_groups, std::vector<uint64_t>(samples.tables()[0]->header().num_experts, 0));
  std::vector<ExpertCount> counts;
  for (uint64_t step = segment.first; step < segment.first + segment.num_steps; ++step) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> refs, samples.OfStep(step));
    for (const SampleRef& ref : refs) {
      for (uint32_t g = 0; g < num_groups; ++g) {
        GROUTER_RETURN_IF_ERROR(samples.tables()[ref.table]->ExpertCounts(ref.sample, g, &counts));
        for (const ExpertCount& count : counts) loads[g][count.expert] += count.count;
      }
    }
  }
  return loads;
}

// The cheapest path through (segment, placement in force), by the number of epochs so far. Ties stay with
// fewer epochs, then with the earlier placement.
std::vector<size_t> CheapestPath(const std::vector<std::vector<uint64_t>>& cost,
                                 const std::vector<std::vector<uint64_t>>& move_ns, size_t max_epochs,
                                 uint64_t* total) {
  const size_t num_segments = cost.size(), num_states = move_ns.size();
  struct Step {
    uint64_t ns = kNever;
    size_t state = 0, epochs = 0;  // where it came from
  };
  // [segment][epochs - 1][state]
  std::vector<std::vector<std::vector<Step>>> best(
      num_segments, std::vector<std::vector<Step>>(max_epochs, std::vector<Step>(num_states)));
  for (size_t q = 0; q < num_states; ++q) best[0][0][q].ns = cost[0][q];
  for (size_t s = 1; s < num_segments; ++s) {
    for (size_t n = 0; n < max_epochs; ++n) {
      for (size_t q = 0; q < num_states; ++q) {
        Step& step = best[s][n][q];
        const auto consider = [&](size_t epochs, size_t p, uint64_t moved) {
          const uint64_t before = best[s - 1][epochs][p].ns;
          if (before == kNever || moved == kNever) return;
          const uint64_t ns = before + moved + cost[s][q];
          if (ns < step.ns) step = {ns, p, epochs};
        };
        consider(n, q, 0);
        for (size_t p = 0; n > 0 && p < num_states; ++p) {
          if (p != q) consider(n - 1, p, move_ns[p][q]);
        }
      }
    }
  }
  size_t epochs = 0, state = 0;
  for (size_t n = 0; n < max_epochs; ++n) {
    for (size_t q = 0; q < num_states; ++q) {
      if (best.back()[n][q].ns < best.back()[epochs][state].ns) epochs = n, state = q;
    }
  }
  *total = best.back()[epochs][state].ns;
  std::vector<size_t> path(num_segments);
  for (size_t s = num_segments; s-- > 0;) {
    path[s] = state;
    const Step& step = best[s][epochs][state];
    state = step.state;
    epochs = step.epochs;
  }
  return path;
}

}  // namespace

absl::StatusOr<EpochSchedule> ScheduleEpochs(const JobDraft& draft,
                                             const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                             const PlacementSchedule& one, const EpochOptions& options,
                                             const std::function<void(uint64_t, uint64_t)>& progress) {
  GROUTER_CHECK(one.epochs.size() == 1 && options.max_epochs > 0);
  const StepPredictor predictor(draft, tables);
  const EpGroup group = EpGroupsOf(draft.topology, draft.ep_size)[0];
  const uint64_t num_steps = predictor.samples().num_steps();
  const std::vector<Segment> segments = CutRun(num_steps, options);
  const Placement& base = one.epochs[0].placement;

  std::vector<Placement> states = {base};
  const bool may_move = options.max_epochs > 1 && options.move_bytes > 0;
  for (size_t s = 0; may_move && s < segments.size(); ++s) {
    GROUTER_ASSIGN_OR_RETURN(const GroupLoads loads, LoadsOf(predictor.samples(), segments[s], base.size()));
    RefineOptions refine;
    refine.iterations = options.iterations;
    refine.move_bytes = options.move_bytes;
    refine.load_cap = options.load_cap;
    refine.seed = draft.seed + s;
    refine.steps = segments[s].fitted;
    GROUTER_ASSIGN_OR_RETURN(Placement refined,
                             RefinePlacement(draft, predictor, group, base, loads, refine));
    if (std::find(states.begin(), states.end(), refined) == states.end())
      states.push_back(std::move(refined));
    if (progress) progress(s + 1, 2 * segments.size());
  }
  std::vector<std::vector<uint64_t>> cost(segments.size());
  for (size_t s = 0; s < segments.size(); ++s) {
    for (const Placement& state : states) {
      GROUTER_ASSIGN_OR_RETURN(const uint64_t ns, predictor.MeanStepNs(segments[s].judged, state));
      cost[s].push_back(ns * segments[s].num_steps);
    }
    if (progress) progress(segments.size() + s + 1, 2 * segments.size());
  }
  std::vector<std::vector<uint64_t>> move_ns(states.size(), std::vector<uint64_t>(states.size(), 0));
  for (size_t p = 0; p < states.size(); ++p) {
    for (size_t q = 0; q < states.size(); ++q) {
      const std::vector<ExpertMove> moves = MovesBetween(states[p], states[q], group);
      move_ns[p][q] =
          MovedBytes(draft, moves) > options.move_bytes ? kNever : PredictMovesNs(draft, group, moves);
    }
  }

  EpochSchedule result;
  for (size_t s = 0; s < segments.size(); ++s) result.one_epoch_run_ns += cost[s][0];
  const std::vector<size_t> path = CheapestPath(cost, move_ns, options.max_epochs, &result.predicted_run_ns);
  result.schedule = one;
  result.schedule.epochs.clear();
  for (size_t s = 0; s < segments.size(); ++s) {
    if (s > 0 && path[s] == path[s - 1]) continue;
    PlacementEpoch epoch;
    epoch.first_step = segments[s].first;
    epoch.placement = states[path[s]];
    if (s > 0) epoch.moves = MovesBetween(states[path[s - 1]], epoch.placement, group);
    result.schedule.epochs.push_back(std::move(epoch));
  }
  if (result.schedule.epochs.size() > 1 || path[0] != 0) {
    result.schedule.predicted_step_ns = result.predicted_run_ns / num_steps;
  }
  return result;
}

}  // namespace grouter
