#include "routing/planning/placement/replan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/job_check.h"
#include "routing/planning/placement/expert_moves.h"

namespace grouter {
namespace {

// One layer group on its way to the new ranks.
class LayerKeeper {
 public:
  LayerKeeper(const LayerPlacement& old, const std::vector<uint32_t>& surviving,
              const std::vector<uint32_t>& slot_counts, const std::vector<uint64_t>& load)
      : load_(load), room_(slot_counts), slots_(slot_counts.size()), copies_(load.size(), 0) {
    for (size_t r = 0; r < slots_.size(); ++r) {
      if (surviving[r] == kNoRank) continue;
      for (uint32_t slot = 0; slot < old.num_slots(surviving[r]); ++slot) {
        const uint32_t expert = old.ExpertAt({surviving[r], slot});
        if (expert == kEmptySlot) continue;
        slots_[r].push_back(expert);
        ++copies_[expert];
      }
    }
    had_ = slots_;
  }

  void LetGoOfWhatHasNoRoom() {
    for (size_t r = 0; r < slots_.size(); ++r) {
      while (slots_[r].size() > room_[r]) Drop(r, LeastNeeded(slots_[r]));
    }
  }

  void PlaceTheHomeless() {
    std::vector<uint32_t> homeless;
    for (uint32_t e = 0; e < copies_.size(); ++e) {
      if (copies_[e] == 0) homeless.push_back(e);
    }
    std::sort(homeless.begin(), homeless.end(),
              [this](uint32_t a, uint32_t b) { return load_[a] != load_[b] ? load_[a] > load_[b] : a < b; });
    for (const uint32_t expert : homeless) {
      if (EmptiestWithRoom(expert) == kNoRank) DropOneReplica();
      Put(EmptiestWithRoom(expert), expert);
    }
  }

  // One further copy of the hottest expert that a rank with room lacks, on the emptiest of them; false when
  // there is none.
  bool AddCopy() {
    uint32_t hottest = UINT32_MAX, rank = kNoRank;
    for (uint32_t e = 0; e < copies_.size(); ++e) {
      if (load_[e] == 0) continue;
      if (hottest != UINT32_MAX && load_[e] * copies_[hottest] <= load_[hottest] * copies_[e]) continue;
      const uint32_t room = EmptiestWithRoom(e);
      if (room == kNoRank) continue;
      hottest = e;
      rank = room;
    }
    if (hottest == UINT32_MAX) return false;
    Put(rank, hottest);
    return true;
  }

  uint64_t num_moves() const {
    uint64_t moves = 0;
    for (size_t r = 0; r < slots_.size(); ++r) {
      const std::set<uint32_t> had(had_[r].begin(), had_[r].end());
      for (const uint32_t expert : slots_[r]) moves += had.count(expert) == 0;
    }
    return moves;
  }

  LayerPlacement Take() {
    for (size_t r = 0; r < slots_.size(); ++r) slots_[r].resize(room_[r], kEmptySlot);
    auto made = LayerPlacement::Make(static_cast<uint32_t>(copies_.size()), slots_);
    GROUTER_CHECK(made.ok());
    return *std::move(made);
  }

 private:
  void Put(uint32_t rank, uint32_t expert) {
    slots_[rank].push_back(expert);
    ++copies_[expert];
  }
  void Drop(size_t rank, uint32_t expert) {
    slots_[rank].erase(std::find(slots_[rank].begin(), slots_[rank].end(), expert));
    --copies_[expert];
  }
  uint32_t LeastNeeded(const std::vector<uint32_t>& held) const {
    return *std::min_element(held.begin(), held.end(), [this](uint32_t a, uint32_t b) {
      const bool a_stays = copies_[a] > 1, b_stays = copies_[b] > 1;
      if (a_stays != b_stays) return a_stays;
      return load_[a] != load_[b] ? load_[a] < load_[b] : a < b;
    });
  }
  uint64_t RankLoad(size_t rank) const {
    uint64_t sum = 0;
    for (const uint32_t e : slots_[rank]) sum += load_[e] / copies_[e];
    return sum;
  }
  uint32_t EmptiestWithRoom(uint32_t expert) const {
    uint32_t best = kNoRank;
    uint64_t least = 0;
    for (uint32_t r = 0; r < slots_.size(); ++r) {
      if (slots_[r].size() >= room_[r]) continue;
      if (std::find(slots_[r].begin(), slots_[r].end(), expert) != slots_[r].end()) continue;
      const uint64_t load = RankLoad(r);
      if (best == kNoRank || load < least) best = r, least = load;
    }
    return best;
  }
  void DropOneReplica() {
    for (size_t r = 0; r < slots_.size(); ++r) {
      if (slots_[r].empty()) continue;
      const uint32_t expert = LeastNeeded(slots_[r]);
      if (copies_[expert] > 1) return Drop(r, expert);
    }
    GROUTER_CHECK(false);  // more slots than experts: a full world without a spare expert has a replica
  }

  const std::vector<uint64_t>& load_;
  const std::vector<uint32_t>& room_;
  std::vector<std::vector<uint32_t>> slots_, had_;
  std::vector<uint32_t> copies_;
};

}  // namespace

std::vector<uint32_t> SurvivingRanks(const JobDraft& old_draft, const JobDraft& new_draft) {
  std::map<std::pair<std::string, uint32_t>, uint32_t> old_ranks;
  const auto place_of = [](const Topology& topology, uint32_t rank) {
    const uint32_t node = topology.NodeOf(rank);
    return std::make_pair(topology.nodes[node].name, rank - topology.FirstRank(node));
  };
  for (uint32_t r = 0; r < old_draft.ep_size; ++r) old_ranks.emplace(place_of(old_draft.topology, r), r);
  std::vector<uint32_t> surviving(new_draft.ep_size, kNoRank);
  std::set<uint32_t> taken;  // nodes of one name must not share a rank
  for (uint32_t r = 0; r < new_draft.ep_size; ++r) {
    const auto found = old_ranks.find(place_of(new_draft.topology, r));
    if (found != old_ranks.end() && taken.insert(found->second).second) surviving[r] = found->second;
  }
  return surviving;
}

absl::StatusOr<KeptPlacement> KeepPlacement(const JobDraft& draft, const Placement& old,
                                            const std::vector<uint32_t>& surviving, const GroupLoads& loads,
                                            uint64_t move_bytes) {
  GROUTER_CHECK(surviving.size() == draft.ep_size);
  if (old.size() != loads.size() || old.empty() || old[0].num_experts() != loads[0].size()) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("the old schedule places ", old.empty() ? 0 : old[0].num_experts(),
                              " experts in ", old.size(), " layer groups, the job has ",
                              loads.empty() ? 0 : loads[0].size(), " in ", loads.size()),
                 "old schedule", "give a schedule of the same router's tables");
  }
  const uint32_t num_experts = old[0].num_experts();
  const std::vector<uint32_t> room = draft.SlotsOfRanks(num_experts);
  uint64_t slots = 0;
  for (const uint32_t count : room) slots += count;
  if (slots < num_experts) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat(slots, " slots for ", num_experts, " experts"), "job",
                 "raise model.num_slots_per_rank or ep_size");
  }
  KeptPlacement kept;
  uint64_t left = move_bytes;
  for (uint32_t g = 0; g < old.size(); ++g) {
    LayerKeeper layer(old[g], surviving, room, loads[g]);
    layer.LetGoOfWhatHasNoRoom();
    layer.PlaceTheHomeless();
    const uint64_t bytes = BytesOfMove(draft, g);
    while (move_bytes > 0 && bytes <= left && layer.AddCopy()) left -= bytes;
    kept.num_moves += layer.num_moves();
    kept.moved_bytes += layer.num_moves() * bytes;
    kept.placement.push_back(layer.Take());
  }
  return kept;
}

absl::StatusOr<GroupLoads> RunLoads(const JobDraft& draft,
                                    const std::vector<std::shared_ptr<const RoutingTable>>& tables) {
  constexpr int kScaleBits = 20;  // so that a table's loads are shares of its tokens, whatever its size
  GroupLoads loads(tables[0]->header().num_layer_groups,
                   std::vector<uint64_t>(tables[0]->header().num_experts, 0));
  for (uint32_t g = 0; g < loads.size(); ++g) {
    for (size_t t = 0; t < tables.size(); ++t) {
      GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics one, tables[t]->Statistics(g));
      const uint64_t tokens = std::max<uint64_t>(one.num_tokens, 1);
      for (size_t e = 0; e < one.load.size(); ++e) {
        using Wide = unsigned __int128;
        loads[g][e] +=
            tables.size() == 1
                ? one.load[e]
                : static_cast<uint64_t>((Wide{one.load[e]} * draft.tables[t].weight << kScaleBits) / tokens);
      }
    }
  }
  return loads;
}

absl::StatusOr<ReplannedSchedule> ReplanSchedule(
    const JobDraft& draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables,
    const Placement& old, const std::vector<uint32_t>& surviving, const ReplanOptions& options) {
  GROUTER_RETURN_IF_ERROR(CheckTables(draft, tables));
  GROUTER_ASSIGN_OR_RETURN(const GroupLoads loads, RunLoads(draft, tables));
  GROUTER_ASSIGN_OR_RETURN(KeptPlacement kept,
                           KeepPlacement(draft, old, surviving, loads, options.move_bytes));
  const StepPredictor predictor(draft, tables);
  const EpGroup group = EpGroupsOf(draft.topology, draft.ep_size)[0];
  GROUTER_ASSIGN_OR_RETURN(const KeptPlacement fewest, KeepPlacement(draft, old, surviving, loads, 0));
  const uint64_t spent = kept.moved_bytes - fewest.moved_bytes;
  RefineOptions refine;
  refine.iterations = options.iterations;
  refine.move_bytes = options.move_bytes - spent;
  refine.load_cap = options.load_cap;
  refine.seed = draft.seed;
  refine.steps = {0};
  GROUTER_ASSIGN_OR_RETURN(Placement placement,
                           RefinePlacement(draft, predictor, group, kept.placement, loads, refine));

  ReplannedSchedule result;
  result.num_surviving = draft.ep_size - std::count(surviving.begin(), surviving.end(), kNoRank);
  for (const ExpertMove& move : MovesBetween(kept.placement, placement, group)) {
    if (move.from.rank == move.to.rank) continue;
    ++result.num_moves;
    result.moved_bytes += BytesOfMove(draft, move.layer_group);
  }
  result.num_moves += kept.num_moves;
  result.moved_bytes += kept.moved_bytes;
  result.schedule.draft = draft.digest();
  GROUTER_ASSIGN_OR_RETURN(result.schedule.predicted_step_ns, predictor.MeanStepNs({0}, placement));
  const Placement contiguous(placement.size(),
                             LayerPlacement::Contiguous(placement[0].num_experts(), draft.ep_size));
  GROUTER_ASSIGN_OR_RETURN(result.schedule.contiguous_step_ns, predictor.MeanStepNs({0}, contiguous));
  result.schedule.epochs.resize(1);
  result.schedule.epochs[0].placement = std::move(placement);
  return result;
}

}  // namespace grouter
