#include "routing/planning/placement/balance_replicas.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/problems.h"

namespace grouter {
namespace {

// Of one node of one layer: exchanges of copies after a packing, and other numbers of copies that are tried.
constexpr uint32_t kMostExchanges = 16;
constexpr uint32_t kMostOthers = 16;
// A busiest rank within 1 / kLevel of the mean is level enough; less will do where nothing stood in the way.
constexpr uint64_t kLevel = 1024, kRoughLevel = 64;

// A load and an id in one number, so that sorting and heaps compare once. Loads are kept in 2^-4 of a token,
// so that a share of a copy is nearly a whole number.
constexpr uint32_t kShareBits = 4, kIdBits = 16;
constexpr uint64_t kMostLoad = uint64_t{1} << 42;  // of a layer
constexpr uint32_t kMostIds = 1u << kIdBits;

constexpr uint32_t IdOf(uint64_t key) { return static_cast<uint32_t>(key % kMostIds); }
constexpr uint64_t LoadOf(uint64_t key) { return key >> kIdBits; }
// Ascending by load, then by id.
constexpr uint64_t Ascending(uint64_t load, uint32_t id) { return load << kIdBits | id; }
// Sorted in descending order: by load, the lower id first.
constexpr uint64_t Descending(uint64_t load, uint32_t id) { return load << kIdBits | (kMostIds - 1 - id); }
constexpr uint32_t DescendingId(uint64_t key) { return kMostIds - 1 - IdOf(key); }

// Keys of Descending() that stand in ascending order of their ids: by their loads' bytes, lowest first.
void SortDescending(std::vector<uint64_t>* keys, std::vector<uint64_t>* scratch) {
  uint64_t all = 0;
  for (uint64_t key : *keys) all |= LoadOf(key);
  scratch->resize(keys->size());
  for (uint32_t shift = kIdBits; all > 0; shift += 8, all >>= 8) {
    uint32_t at[257] = {};
    for (uint64_t key : *keys) ++at[256 - (key >> shift) % 256];
    for (uint32_t digit = 1; digit < 257; ++digit) at[digit] += at[digit - 1];
    for (uint64_t key : *keys) (*scratch)[at[255 - (key >> shift) % 256]++] = key;
    keys->swap(*scratch);
  }
}

struct Copy {
  uint64_t share;
  uint32_t expert;
};

// The copies that each rank holds.
struct Packing {
  std::vector<uint32_t> first;  // [ranks + 1] into copies
  std::vector<uint32_t> count;  // [ranks]
  std::vector<uint64_t> load;   // [ranks]
  std::vector<Copy> copies;

  void Reset(const std::vector<uint32_t>& slots_of_rank) {
    first.assign(1, 0);
    for (uint32_t slots : slots_of_rank) first.push_back(first.back() + slots);
    count.assign(slots_of_rank.size(), 0);
    load.assign(slots_of_rank.size(), 0);
    copies.resize(first.back());
  }
  Copy* Begin(uint32_t rank) { return copies.data() + first[rank]; }
  Copy* End(uint32_t rank) { return Begin(rank) + count[rank]; }
  bool HasRoom(uint32_t rank) const { return first[rank] + count[rank] < first[rank + 1]; }
  void Put(uint32_t rank, const Copy& copy) {
    *End(rank) = copy;
    ++count[rank];
    load[rank] += copy.share;
  }
  // Brings a copy to its place in a rank's descending order.
  void Settle(uint32_t rank, Copy* copy) {
    for (; copy != Begin(rank) && copy[-1].share < copy->share; --copy) std::swap(copy[-1], *copy);
    for (; copy + 1 != End(rank) && copy[1].share > copy->share; ++copy) std::swap(copy[1], *copy);
  }
  bool Holds(uint32_t rank, uint32_t expert) {
    return std::any_of(Begin(rank), End(rank), [&](const Copy& copy) { return copy.expert == expert; });
  }
  uint32_t Busiest() const {
    return static_cast<uint32_t>(std::max_element(load.begin(), load.end()) - load.begin());
  }
};

// One node of one layer, its experts and ranks numbered from 0. Memory is kept between layers. Inside,
// experts are named by their place in descending order of load.
class NodeBalancer {
 public:
  // load[i] of expert i; slots_of_rank[r]. A busiest rank of `enough` need not be brought lower. Returns its
  // load.
  uint64_t Run(const std::vector<uint64_t>& load, const std::vector<uint32_t>& slots_of_rank,
               uint32_t num_slots, uint64_t enough) {
    slots_of_rank_ = &slots_of_rank;
    num_ranks_ = static_cast<uint32_t>(slots_of_rank.size());
    order_.clear();
    uint64_t total = 0;
    for (uint32_t e = 0; e < load.size(); ++e) {
      order_.push_back(Descending(load[e] << kShareBits, e));
      total += load[e] << kShareBits;
    }
    SortDescending(&order_, &scratch_);
    place_of_.resize(order_.size());
    for (uint32_t place = 0; place < order_.size(); ++place) place_of_[DescendingId(order_[place])] = place;
    constrained_ = false;
    CountCopies(num_slots, num_ranks_);
    const uint64_t mean = total / num_ranks_;
    level_ = std::max(enough, mean + mean / kLevel);
    rough_level_ = std::max(enough, mean + mean / kRoughLevel);
    uint64_t busiest = Pack();
    std::swap(best_, held_);
    if (!constrained_) return busiest;
    // Copies had to avoid ranks with more room: with fewer of the hottest experts, the rest may be level.
    const auto try_these = [&] {
      const uint64_t other = Pack();
      if (other >= busiest) return;
      busiest = other;
      std::swap(best_, held_);
    };
    const uint32_t spare = static_cast<uint32_t>(given_.size());
    for (uint32_t i = 1; i <= std::min(spare, kMostOthers) && busiest > level_; ++i) {
      CountFewer(spare - i, num_slots);
      // Fewer copies are heavier ones.
      if (ShareOf(given_[spare - i]) >= busiest) break;
      try_these();
    }
    if (busiest <= level_) return busiest;
    // EPLB may put two copies of the hottest on one rank; other ways are tried until we are level with it.
    const uint64_t twins = std::max(enough, BusiestWithTwins(num_slots));
    for (uint32_t most = num_ranks_ - 1; most > 0 && busiest > twins; --most) {
      CountCopies(num_slots, most);
      try_these();
    }
    return busiest;
  }

  // Calls visit(expert) for each copy that a rank holds.
  template <typename Visit>
  void ForEach(uint32_t rank, Visit visit) {
    for (const Copy* copy = best_.Begin(rank); copy != best_.End(rank); ++copy) {
      visit(DescendingId(order_[copy->expert]));
    }
  }

 private:
  uint64_t ShareOf(uint32_t place) const { return LoadOf(order_[place]) / counts_[place]; }

  // Spare slots one by one to the expert of the most load per copy (the lower id among equals, as EPLB's), at
  // most `most` copies of one.
  void CountCopies(uint32_t num_slots, uint32_t most) {
    const uint32_t num_experts = static_cast<uint32_t>(order_.size());
    counts_.assign(num_experts, 1);
    given_.clear();
    heap_.clear();  // those that have been looked at, a prefix of the order
    uint32_t next = 0;
    uint64_t spare = num_slots - num_experts;
    while (spare > 0 && (next < num_experts || !heap_.empty())) {
      if (next < num_experts && (heap_.empty() || LoadOf(order_[next]) >= LoadOf(heap_[0]))) {
        heap_.push_back(order_[next]);
        std::push_heap(heap_.begin(), heap_.end());
        ++next;
        continue;
      }
      std::pop_heap(heap_.begin(), heap_.end());
      const uint32_t id = DescendingId(heap_.back()), place = place_of_[id];
      if (counts_[place] == most || LoadOf(heap_.back()) == 0) {
        constrained_ = constrained_ || LoadOf(heap_.back()) > 0;
        heap_.pop_back();
        continue;
      }
      ++counts_[place];
      given_.push_back(place);
      --spare;
      heap_.back() = Descending(ShareOf(place), id);
      std::push_heap(heap_.begin(), heap_.end());
    }
  }

  // The first `kept` spare slots as CountCopies gave them, the others to the experts of least load.
  void CountFewer(uint32_t kept, uint32_t num_slots) {
    std::fill(counts_.begin(), counts_.end(), 1);
    for (uint32_t i = 0; i < kept; ++i) ++counts_[given_[i]];
    uint64_t spare = num_slots - order_.size() - kept;
    for (size_t i = order_.size(); i > 0 && spare > 0; --i) {
      if (counts_[i - 1] == num_ranks_) continue;
      ++counts_[i - 1];
      --spare;
    }
  }

  // Copies in descending order of their share, those of one expert one after the other.
  void ListCopies() {
    hot_.clear();
    for (uint32_t place = 0; place < order_.size(); ++place) {
      if (counts_[place] > 1) hot_.push_back(Descending(ShareOf(place), place));
    }
    std::sort(hot_.begin(), hot_.end(), std::greater<uint64_t>());
    copies_.clear();
    uint32_t single = 0;
    const auto add_singles = [&](uint64_t down_to) {
      for (; single < order_.size(); ++single) {
        if (counts_[single] > 1) continue;
        if (LoadOf(order_[single]) <= down_to) return;
        copies_.push_back(Copy{LoadOf(order_[single]), single});
      }
    };
    for (uint64_t key : hot_) {
      add_singles(LoadOf(key));
      copies_.insert(copies_.end(), counts_[DescendingId(key)], Copy{LoadOf(key), DescendingId(key)});
    }
    for (; single < order_.size(); ++single) {
      if (counts_[single] == 1) copies_.push_back(Copy{LoadOf(order_[single]), single});
    }
  }

  // The busiest rank's load when each copy, heaviest first, goes to the emptiest rank with room, whatever it
  // holds: EPLB's packing.
  uint64_t BusiestWithTwins(uint32_t num_slots) {
    CountCopies(num_slots, num_slots);
    ListCopies();
    std::vector<uint64_t> load(num_ranks_, 0);
    std::vector<uint32_t> room = *slots_of_rank_;
    for (const Copy& copy : copies_) {
      uint32_t emptiest = UINT32_MAX;
      for (uint32_t r = 0; r < num_ranks_; ++r) {
        if (room[r] > 0 && (emptiest == UINT32_MAX || load[r] < load[emptiest])) emptiest = r;
      }
      load[emptiest] += copy.share;
      --room[emptiest];
    }
    return *std::max_element(load.begin(), load.end());
  }

  // Each copy, heaviest first, to the emptiest rank with room that does not hold its expert. Returns the
  // busiest rank's load.
  uint64_t Pack() {
    ListCopies();
    held_.Reset(*slots_of_rank_);
    // The first go to one rank each; what they leave, in reverse, is in ascending order.
    const uint32_t ones = static_cast<uint32_t>(std::min<size_t>(num_ranks_, copies_.size()));
    queue_.clear();
    for (uint32_t r = num_ranks_; r > 0; --r) {
      if (!held_.HasRoom(r - 1)) continue;
      if (r <= ones) held_.Put(r - 1, copies_[r - 1]);
      if (held_.HasRoom(r - 1)) queue_.push_back(Ascending(held_.load[r - 1], r - 1));
    }
    heap_.clear();
    front_ = 0;
    for (size_t i = ones; i < copies_.size(); ++i) PutOnEmptiest(copies_[i]);
    GiveBack();
    for (const Copy& copy : stranded_) Repair(copy);
    if (!stranded_.empty()) {
      for (uint32_t r = 0; r < num_ranks_; ++r) {
        std::stable_sort(held_.Begin(r), held_.End(r),
                         [](const Copy& a, const Copy& b) { return a.share > b.share; });
      }
    }
    stranded_.clear();
    const uint64_t enough = constrained_ ? level_ : rough_level_;
    for (uint32_t i = 0; i < kMostExchanges && held_.load[held_.Busiest()] > enough && Exchange(); ++i) {
    }
    return held_.load[held_.Busiest()];
  }

  // Ranks with room: queue_ from front_ on, ascending, those put on again in heap_, and those set aside
  // because they hold the expert whose copies come now.
  void PutOnEmptiest(const Copy& copy) {
    if (copy.expert != aside_for_) GiveBack();
    aside_for_ = copy.expert;
    for (;;) {
      const bool queued = front_ < queue_.size();
      if (!queued && heap_.empty()) break;
      uint64_t key = 0;
      if (queued && (heap_.empty() || queue_[front_] < heap_[0])) {
        key = queue_[front_++];
      } else {
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<uint64_t>());
        key = heap_.back();
        heap_.pop_back();
      }
      const uint32_t rank = IdOf(key);
      // Copies of one expert follow each other, so only the last one held can be of it.
      if (held_.End(rank)[-1].expert == copy.expert) {
        aside_.push_back(key);
        continue;
      }
      for (uint64_t other : aside_) constrained_ = constrained_ || other < key;
      held_.Put(rank, copy);
      if (held_.HasRoom(rank)) aside_.push_back(Ascending(held_.load[rank], rank));
      return;
    }
    constrained_ = true;
    stranded_.push_back(copy);
  }
  void GiveBack() {
    for (uint64_t key : aside_) {
      heap_.push_back(key);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<uint64_t>());
    }
    aside_.clear();
  }

  // A copy whose expert is on every rank with room: a rank without it gives one of its copies to such a rank.
  void Repair(const Copy& copy) {
    for (uint32_t with_room = 0; with_room < num_ranks_; ++with_room) {
      if (!held_.HasRoom(with_room)) continue;
      for (uint32_t giver = 0; giver < num_ranks_; ++giver) {
        if (held_.Holds(giver, copy.expert)) continue;
        for (Copy* given = held_.Begin(giver); given != held_.End(giver); ++given) {
          if (held_.Holds(with_room, given->expert)) continue;
          held_.load[giver] += copy.share - given->share;
          held_.Put(with_room, *given);
          *given = copy;
          return;
        }
      }
    }
  }

  // Exchanges a copy of the busiest rank for a smaller one of another so that the busier of the two is as low
  // as is found, if that is lower than before. Both are in descending order, so that one walk over the two
  // meets the pairs whose difference is nearest to half of the ranks' difference.
  bool Exchange() {
    const uint32_t busiest = held_.Busiest();
    const uint64_t before = held_.load[busiest];
    uint64_t best_load = before;
    Copy* best_mine = nullptr;
    Copy* best_other = nullptr;
    uint32_t best_rank = 0;
    for (uint32_t rank = 0; rank < num_ranks_; ++rank) {
      if (rank == busiest || held_.load[rank] + 1 >= best_load) continue;
      const uint64_t gap = before - held_.load[rank];
      Copy* mine = held_.Begin(busiest);
      Copy* other = held_.Begin(rank);
      while (mine != held_.End(busiest) && other != held_.End(rank)) {
        if (other->share >= mine->share) {
          ++other;
          continue;
        }
        const uint64_t change = mine->share - other->share;
        const uint64_t busier = std::max(before - change, held_.load[rank] + change);
        if (busier < best_load && !held_.Holds(busiest, other->expert) && !held_.Holds(rank, mine->expert)) {
          best_load = busier;
          best_mine = mine;
          best_other = other;
          best_rank = rank;
        }
        2 * change > gap ? ++mine : ++other;
      }
    }
    if (best_mine == nullptr) return false;
    const uint64_t change = best_mine->share - best_other->share;
    held_.load[busiest] -= change;
    held_.load[best_rank] += change;
    std::swap(*best_mine, *best_other);
    held_.Settle(busiest, best_mine);
    held_.Settle(best_rank, best_other);
    return true;
  }

  const std::vector<uint32_t>* slots_of_rank_ = nullptr;
  uint32_t num_ranks_ = 0;
  uint64_t level_ = 0, rough_level_ = 0;  // a busiest rank's load that is low enough
  bool constrained_ = false;              // a copy more on one rank would have been taken
  std::vector<uint64_t> order_;           // experts by descending load
  std::vector<uint32_t> place_of_;        // [experts] in that order
  std::vector<uint32_t> counts_, given_;  // copies of each; who got the spare slots, in order
  std::vector<Copy> copies_, stranded_;
  std::vector<uint64_t> hot_, queue_, heap_, aside_, scratch_;
  size_t front_ = 0;
  uint32_t aside_for_ = UINT32_MAX;
  Packing held_, best_;  // at work, and the best
};

// Groups to nodes, the same number each: heaviest first, each to the emptiest node with room.
std::vector<uint32_t> GroupsToNodes(const std::vector<uint64_t>& group_load, uint32_t nodes) {
  std::vector<uint64_t> order;
  for (uint32_t g = 0; g < group_load.size(); ++g) order.push_back(Descending(group_load[g], g));
  std::sort(order.begin(), order.end(), std::greater<uint64_t>());
  std::vector<uint64_t> load(nodes, 0);
  std::vector<size_t> room(nodes, order.size() / nodes);
  std::vector<uint32_t> node_of(order.size());
  for (uint64_t key : order) {
    uint32_t best = UINT32_MAX;
    for (uint32_t n = 0; n < nodes; ++n) {
      if (room[n] > 0 && (best == UINT32_MAX || load[n] < load[best])) best = n;
    }
    node_of[DescendingId(key)] = best;
    load[best] += LoadOf(key);
    --room[best];
  }
  return node_of;
}

absl::Status Check(const ReplicaShape& shape, absl::Span<const uint64_t> load) {
  Problems problems;
  if (shape.num_experts == 0) problems.Add("no experts", "give the experts of a layer");
  if (shape.num_ranks == 0) problems.Add("no ranks", "give the ranks of an EP group");
  if (shape.num_nodes == 0 || shape.num_groups == 0) {
    problems.Add(absl::StrCat(shape.num_nodes, " nodes and ", shape.num_groups, " groups"),
                 "give at least one each");
  }
  if (shape.num_slots < shape.num_experts) {
    problems.Add(absl::StrCat(shape.num_slots, " slots for ", shape.num_experts, " experts"),
                 "give a slot for each expert");
  }
  if (shape.num_experts > 0 && load.size() % shape.num_experts != 0) {
    problems.Add(absl::StrCat(load.size(), " loads of ", shape.num_experts, " experts"),
                 "give every layer's loads");
  }
  if (shape.num_experts > kMostIds || shape.num_ranks > kMostIds) {
    problems.Add(absl::StrCat(shape.num_experts, " experts on ", shape.num_ranks, " ranks"),
                 absl::StrCat("give at most ", kMostIds, " of each"));
  }
  for (size_t l = 0; shape.num_experts > 0 && l < load.size(); l += shape.num_experts) {
    uint64_t total = 0;
    for (uint64_t each : load.subspan(l, shape.num_experts)) total += std::min(each, kMostLoad);
    if (total < kMostLoad) continue;
    problems.Add(absl::StrCat("layer ", l / shape.num_experts, " has a load of 2^42 or more"),
                 "count fewer tokens, or divide the loads");
    break;
  }
  return problems.ToStatus(absl::StatusCode::kInvalidArgument, "replicas");
}

}  // namespace

absl::StatusOr<EplbArrays> BalanceReplicas(const ReplicaShape& shape, absl::Span<const uint64_t> load) {
  GROUTER_RETURN_IF_ERROR(Check(shape, load));
  const uint32_t experts = shape.num_experts;
  const bool by_node = shape.num_nodes > 1 && shape.num_groups % shape.num_nodes == 0 &&
                       experts % shape.num_groups == 0 && shape.num_ranks % shape.num_nodes == 0 &&
                       shape.num_slots % shape.num_ranks == 0;
  const uint32_t nodes = by_node ? shape.num_nodes : 1;
  const uint32_t ranks = shape.num_ranks / nodes, slots = shape.num_slots / nodes;
  const uint32_t group_size = by_node ? experts / shape.num_groups : experts;
  std::vector<uint32_t> slots_of_rank(ranks, slots / ranks);
  for (uint32_t r = 0; r < slots % ranks; ++r) ++slots_of_rank[r];

  EplbArrays arrays;
  arrays.num_layers = static_cast<uint32_t>(load.size() / experts);
  arrays.num_slots = shape.num_slots;
  arrays.num_experts = experts;
  arrays.phy2log.assign(size_t{arrays.num_layers} * shape.num_slots, -1);
  arrays.logcnt.assign(load.size(), 0);
  NodeBalancer balancer;
  std::vector<uint64_t> node_load, group_load(by_node ? shape.num_groups : 1);
  std::vector<uint32_t> node_experts, node_of_group(1, 0), node_order(nodes);
  std::vector<uint64_t> load_of_node(nodes);
  std::iota(node_order.begin(), node_order.end(), 0);
  for (uint32_t l = 0; l < arrays.num_layers; ++l) {
    const uint64_t* layer_load = load.data() + size_t{l} * experts;
    if (by_node) {
      for (uint32_t g = 0; g < shape.num_groups; ++g) {
        group_load[g] = 0;
        for (uint32_t i = 0; i < group_size; ++i) group_load[g] += layer_load[g * group_size + i];
      }
      node_of_group = GroupsToNodes(group_load, nodes);
    }
    int32_t* logcnt = arrays.logcnt.data() + size_t{l} * experts;
    // Heaviest first: the busiest rank of the layer is most likely its, and the others need only stay below.
    std::fill(load_of_node.begin(), load_of_node.end(), 0);
    for (uint32_t g = 0; by_node && g < node_of_group.size(); ++g)
      load_of_node[node_of_group[g]] += group_load[g];
    std::sort(node_order.begin(), node_order.end(), [&](uint32_t a, uint32_t b) {
      return load_of_node[a] != load_of_node[b] ? load_of_node[a] > load_of_node[b] : a < b;
    });
    uint64_t busiest = 0;
    for (const uint32_t n : node_order) {
      int32_t* phy2log = arrays.phy2log.data() + size_t{l} * shape.num_slots + size_t{n} * slots;
      node_load.clear();
      node_experts.clear();
      for (uint32_t g = 0; g < node_of_group.size(); ++g) {
        if (node_of_group[g] != n) continue;
        for (uint32_t e = g * group_size; e < (g + 1) * group_size; ++e) {
          node_load.push_back(layer_load[e]);
          node_experts.push_back(e);
        }
      }
      busiest = std::max(busiest, balancer.Run(node_load, slots_of_rank, slots, busiest));
      for (uint32_t r = 0; r < ranks; ++r) {
        int32_t* slot = phy2log;
        balancer.ForEach(r, [&](uint32_t e) {
          *slot++ = static_cast<int32_t>(node_experts[e]);
          ++logcnt[node_experts[e]];
        });
        phy2log += slots_of_rank[r];
      }
    }
  }
  FillCopies(&arrays);
  return arrays;
}

}  // namespace grouter
