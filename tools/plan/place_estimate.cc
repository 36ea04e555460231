#include "tools/plan/place_estimate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kSmall = 20000, kLarger = 60000;  // iterations of the two searches
constexpr uint64_t kDenseExperts = 2048;             // up to here the search keeps a dense matrix
constexpr uint64_t kSearchTokens = 65536;            // at most, whose routes it holds as bits
constexpr uint64_t kTokenBits = 3;  // of each (token, expert): as read, in order, and by node

uint64_t BytesPerToken(const RoutingTable& table) {
  return table.num_tokens() == 0 ? 0 : table.stored_bytes() / table.num_tokens();
}

}  // namespace

absl::StatusOr<PlaceEstimate> EstimatePlacement(
    const JobDraft& draft, const Tables& tables, const ScheduleRequest& request, Terminal& terminal,
    const std::function<std::chrono::steady_clock::time_point()>& clock) {
  PlaceEstimate estimate;
  uint64_t one_schedule_bytes = 0;
  const auto measure = [&](uint64_t iterations, uint64_t refine_iterations,
                           uint32_t max_epochs) -> absl::StatusOr<double> {
    ScheduleRequest small = request;
    small.place.iterations = iterations;
    small.refine_iterations = refine_iterations;
    small.max_epochs = max_epochs;
    const auto begin = clock();
    GROUTER_ASSIGN_OR_RETURN(const MadeSchedule made, MakeSchedule(draft, tables, small, terminal));
    one_schedule_bytes = made.schedule.Encode().size() / made.schedule.epochs.size();
    return std::chrono::duration<double>(clock() - begin).count();
  };
  const uint64_t wanted = request.place.iterations;
  GROUTER_ASSIGN_OR_RETURN(const double first, measure(std::min(kSmall, wanted), 1, 1));
  estimate.seconds = first;
  if (request.from.empty() && wanted > kSmall) {
    GROUTER_ASSIGN_OR_RETURN(const double second, measure(std::min(kLarger, wanted), 1, 1));
    const double per_iteration =
        std::max(0.0, (second - first) / static_cast<double>(std::min(kLarger, wanted) - kSmall));
    estimate.seconds = first + per_iteration * static_cast<double>(wanted - kSmall);
  }
  if (request.max_epochs > 1) {
    GROUTER_ASSIGN_OR_RETURN(const double plain, measure(std::min(kSmall, wanted), 1, request.max_epochs));
    GROUTER_ASSIGN_OR_RETURN(const double more, measure(std::min(kSmall, wanted), 3, request.max_epochs));
    const double per_iteration = std::max(0.0, (more - plain) / 2);
    estimate.seconds +=
        std::max(0.0, plain - first) + per_iteration * static_cast<double>(request.refine_iterations);
  }

  const uint64_t experts = tables[0]->header().num_experts, groups = tables[0]->header().num_layer_groups;
  const uint64_t pairs = experts * (experts - 1) / 2;
  estimate.memory_bytes =
      (experts <= kDenseExperts ? experts * experts : pairs) * sizeof(uint64_t) +
      groups * pairs * sizeof(CoactivationPair) + experts * draft.ep_size * sizeof(uint64_t) +
      kTokenBits * std::min<uint64_t>(kSearchTokens, (uint64_t{1} << 31) / experts) * experts / 8;
  uint64_t tokens = 0, samples = 0, bytes_per_token = 0;
  for (const auto& table : tables) {
    tokens += table->num_tokens();
    samples += table->num_samples();
    bytes_per_token = std::max(bytes_per_token, BytesPerToken(*table));
    estimate.read_bytes += groups * (experts * sizeof(uint64_t) + pairs * sizeof(CoactivationPair));
  }
  const uint64_t tokens_per_step = samples == 0 ? 0 : tokens / samples * draft.batch.samples_per_step;
  const uint64_t judged = request.max_epochs > 1
                              ? EpochOptions().judged_steps * 2 * uint64_t{2} * request.max_epochs
                              : JudgedSteps(draft, tables);
  estimate.read_bytes += judged * tokens_per_step * bytes_per_token;
  estimate.schedule_bytes = one_schedule_bytes * std::max(request.max_epochs, 1u);
  if (request.max_epochs > 1) estimate.move_bytes = request.move_bytes * (request.max_epochs - 1);
  return estimate;
}

std::string EstimateText(const PlaceEstimate& estimate) {
  std::string text =
      absl::StrCat("about ", HumanSeconds(estimate.seconds), ", ", HumanBytes(estimate.memory_bytes),
                   " of memory; reads ", HumanBytes(estimate.read_bytes), " of tables, writes a schedule of ",
                   HumanBytes(estimate.schedule_bytes), "\n");
  if (estimate.move_bytes > 0) {
    absl::StrAppend(&text, "during the run experts of up to ", HumanBytes(estimate.move_bytes),
                    " move between the ranks of an EP group\n");
  }
  return text;
}

}  // namespace grouter
