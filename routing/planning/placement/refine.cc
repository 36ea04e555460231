#include "routing/planning/placement/refine.h"

#include <algorithm>
#include <utility>

#include "absl/types/optional.h"
#include "io/error.h"
#include "io/random.h"
#include "routing/planning/placement/expert_moves.h"

namespace grouter {
namespace {

using Wide = unsigned __int128;

constexpr uint64_t kPurpose = 0x72656669;  // "refi"
constexpr uint64_t kParts = 1 << 10;       // of one selection, so that copies share a load

std::vector<uint64_t> RankLoads(const LayerPlacement& layer, const std::vector<uint64_t>& load) {
  std::vector<uint64_t> ranks(layer.ep_size(), 0);
  for (uint32_t e = 0; e < layer.num_experts(); ++e) {
    const auto slots = layer.SlotsOf(e);
    for (const SlotRef& ref : slots) ranks[ref.rank] += load[e] * kParts / slots.size();
  }
  return ranks;
}

std::vector<std::vector<uint32_t>> SlotsOf(const LayerPlacement& layer) {
  std::vector<std::vector<uint32_t>> slots(layer.ep_size());
  for (uint32_t rank = 0; rank < layer.ep_size(); ++rank) {
    for (uint32_t slot = 0; slot < layer.num_slots(rank); ++slot) {
      slots[rank].push_back(layer.ExpertAt({rank, slot}));
    }
  }
  return slots;
}

bool Holds(const std::vector<uint32_t>& slots, uint32_t expert) {
  return expert != kEmptySlot && std::find(slots.begin(), slots.end(), expert) != slots.end();
}

// The layer with the experts of two random slots exchanged, or none where that is no placement.
absl::optional<LayerPlacement> TrySwap(const LayerPlacement& layer, absl::optional<uint32_t> first_rank,
                                       Random* random) {
  std::vector<std::vector<uint32_t>> slots = SlotsOf(layer);
  const uint32_t a =
      first_rank.has_value() ? *first_rank : static_cast<uint32_t>(random->Below(slots.size()));
  const uint32_t b = static_cast<uint32_t>(random->Below(slots.size()));
  if (a == b || slots[a].empty() || slots[b].empty()) return absl::nullopt;
  uint32_t& x = slots[a][random->Below(slots[a].size())];
  uint32_t& y = slots[b][random->Below(slots[b].size())];
  if (x == y || Holds(slots[a], y) || Holds(slots[b], x)) return absl::nullopt;
  std::swap(x, y);
  auto made = LayerPlacement::Make(layer.num_experts(), slots);
  GROUTER_CHECK(made.ok());
  return *std::move(made);
}

}  // namespace

uint64_t LoadAboveCap(const Placement& placement, const GroupLoads& loads, double load_cap) {
  const uint64_t thousandths = static_cast<uint64_t>(std::max(load_cap, 1.0) * 1000 + 0.5);
  uint64_t above = 0;
  for (size_t g = 0; g < placement.size(); ++g) {
    const std::vector<uint64_t> ranks = RankLoads(placement[g], loads[g]);
    Wide total = 0;
    for (const uint64_t load : ranks) total += load;
    const uint64_t limit = static_cast<uint64_t>(total * thousandths / (1000 * ranks.size()));
    for (const uint64_t load : ranks) above += load > limit ? (load - limit) / kParts : 0;
  }
  return above;
}

absl::StatusOr<Placement> RefinePlacement(const JobDraft& draft, const StepPredictor& predictor,
                                          const EpGroup& group, const Placement& base,
                                          const GroupLoads& loads, const RefineOptions& options) {
  Placement best = base;
  if (options.move_bytes == 0 || options.iterations == 0) return best;
  uint64_t best_above = LoadAboveCap(best, loads, options.load_cap);
  GROUTER_ASSIGN_OR_RETURN(uint64_t best_ns, predictor.MeanStepNs(options.steps, best));
  Random random(options.seed, kPurpose);
  for (uint64_t i = 0; i < options.iterations; ++i) {
    const size_t g = random.Below(best.size());
    absl::optional<uint32_t> first_rank;
    if (i % 2 == 0) {
      const std::vector<uint64_t> ranks = RankLoads(best[g], loads[g]);
      first_rank = static_cast<uint32_t>(std::max_element(ranks.begin(), ranks.end()) - ranks.begin());
    }
    absl::optional<LayerPlacement> layer = TrySwap(best[g], first_rank, &random);
    if (!layer.has_value()) continue;
    Placement tried = best;
    tried[g] = *std::move(layer);
    const uint64_t above = LoadAboveCap(tried, loads, options.load_cap);
    if (above > best_above || MovedBytes(draft, MovesBetween(base, tried, group)) > options.move_bytes)
      continue;
    GROUTER_ASSIGN_OR_RETURN(const uint64_t ns, predictor.MeanStepNs(options.steps, tried));
    if (above == best_above && ns >= best_ns) continue;
    best = std::move(tried);
    best_above = above;
    best_ns = ns;
  }
  return best;
}

}  // namespace grouter
