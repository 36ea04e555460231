#include "routing/planning/placement/grouping.h"

#include <algorithm>

#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

constexpr uint32_t kDenseExperts = 2048;

// Symmetric co-activation counts, by row; dense where that is small.
class Affinity {
 public:
  Affinity(uint32_t num_experts, const std::vector<CoactivationPair>& pairs) : num_experts_(num_experts) {
    first_.assign(num_experts + 1, 0);
    for (const CoactivationPair& pair : pairs) {
      if (pair.a == pair.b) continue;
      ++first_[pair.a + 1];
      ++first_[pair.b + 1];
    }
    for (uint32_t e = 0; e < num_experts; ++e) first_[e + 1] += first_[e];
    entries_.resize(first_.back());
    std::vector<size_t> next(first_.begin(), first_.end() - 1);
    for (const CoactivationPair& pair : pairs) {
      if (pair.a == pair.b) continue;
      entries_[next[pair.a]++] = {pair.b, static_cast<int64_t>(pair.count)};
      entries_[next[pair.b]++] = {pair.a, static_cast<int64_t>(pair.count)};
    }
    for (uint32_t e = 0; e < num_experts; ++e) {
      std::sort(entries_.begin() + first_[e], entries_.begin() + first_[e + 1],
                [](const Entry& a, const Entry& b) { return a.other < b.other; });
    }
    if (num_experts > kDenseExperts) return;
    dense_.assign(size_t{num_experts} * num_experts, 0);
    for (const CoactivationPair& pair : pairs) {
      if (pair.a == pair.b) continue;
      dense_[size_t{pair.a} * num_experts + pair.b] += static_cast<int64_t>(pair.count);
      dense_[size_t{pair.b} * num_experts + pair.a] += static_cast<int64_t>(pair.count);
    }
  }

  int64_t Between(uint32_t a, uint32_t b) const {
    if (!dense_.empty()) return dense_[size_t{a} * num_experts_ + b];
    int64_t sum = 0;
    auto it = std::lower_bound(entries_.begin() + first_[a], entries_.begin() + first_[a + 1], b,
                               [](const Entry& entry, uint32_t other) { return entry.other < other; });
    for (; it != entries_.begin() + first_[a + 1] && it->other == b; ++it) sum += it->count;
    return sum;
  }
  template <typename Visit>
  void ForEach(uint32_t expert, Visit visit) const {
    for (size_t i = first_[expert]; i < first_[expert + 1]; ++i) visit(entries_[i].other, entries_[i].count);
  }

 private:
  struct Entry {
    uint32_t other;
    int64_t count;
  };
  uint32_t num_experts_;
  std::vector<size_t> first_;
  std::vector<Entry> entries_;
  std::vector<int64_t> dense_;
};

// One assignment under search, with what each swap would change kept up to date.
class Search {
 public:
  Search(const GroupingProblem& problem, const Affinity& affinity)
      : problem_(problem),
        affinity_(affinity),
        num_experts_(static_cast<uint32_t>(problem.load.size())),
        ranks_(static_cast<uint32_t>(problem.capacity.size())) {
    nodes_ = 1 + *std::max_element(problem.node_of_rank.begin(), problem.node_of_rank.end());
  }

  void Start(std::vector<uint32_t> rank_of_expert) {
    rank_ = std::move(rank_of_expert);
    load_.assign(ranks_, 0);
    pull_.assign(size_t{num_experts_} * ranks_, 0);
    worth_ = 0;
    std::vector<int64_t> node_pull(nodes_);
    for (uint32_t e = 0; e < num_experts_; ++e) {
      load_[rank_[e]] += problem_.load[e];
      std::fill(node_pull.begin(), node_pull.end(), 0);
      int64_t* pull = &pull_[size_t{e} * ranks_];
      affinity_.ForEach(e, [&](uint32_t other, int64_t count) {
        pull[rank_[other]] += count * static_cast<int64_t>(problem_.rank_worth);
        node_pull[problem_.node_of_rank[rank_[other]]] += count * static_cast<int64_t>(problem_.node_worth);
      });
      for (uint32_t r = 0; r < ranks_; ++r) pull[r] += node_pull[problem_.node_of_rank[r]];
      worth_ += pull[rank_[e]];
    }
    worth_ /= 2;  // each pair was seen from both sides
    excess_ = 0;
    for (uint64_t load : load_) excess_ += Over(load);
  }

  // Tries every partner for one expert and takes the best swap if it helps. Costs num_experts tries.
  bool Improve(uint32_t a) {
    uint32_t best = num_experts_;
    int64_t best_excess = 0, best_worth = 0;
    for (uint32_t b = 0; b < num_experts_; ++b) {
      if (rank_[a] == rank_[b]) continue;
      const int64_t excess = ExcessChange(a, b);
      if (excess > best_excess) continue;
      const int64_t worth = WorthChange(a, b);
      if (excess < best_excess || worth > best_worth) {
        best = b;
        best_excess = excess;
        best_worth = worth;
      }
    }
    if (best == num_experts_) return false;
    excess_ += best_excess;
    worth_ += best_worth;
    Swap(a, best);
    return true;
  }

  bool BetterThan(const Grouping& other) const {
    return excess_ != other.excess ? excess_ < other.excess : worth_ > other.worth;
  }
  Grouping Get() const { return Grouping{rank_, excess_, worth_}; }

 private:
  uint64_t Over(uint64_t load) const { return load > problem_.load_limit ? load - problem_.load_limit : 0; }

  int64_t ExcessChange(uint32_t a, uint32_t b) const {
    const uint64_t from = load_[rank_[a]], to = load_[rank_[b]];
    const uint64_t la = problem_.load[a], lb = problem_.load[b];
    return static_cast<int64_t>(Over(from - la + lb) + Over(to - lb + la)) -
           static_cast<int64_t>(Over(from) + Over(to));
  }

  int64_t WorthChange(uint32_t a, uint32_t b) const {
    const int64_t* pull_a = &pull_[size_t{a} * ranks_];
    const int64_t* pull_b = &pull_[size_t{b} * ranks_];
    // Each is pulled towards the other's place by the other itself, which leaves: taken off again. Inside one
    // node the node's part stays.
    const bool same_node = problem_.node_of_rank[rank_[a]] == problem_.node_of_rank[rank_[b]];
    const uint64_t lost = problem_.rank_worth + (same_node ? 0 : problem_.node_worth);
    return pull_a[rank_[b]] - pull_a[rank_[a]] + pull_b[rank_[a]] - pull_b[rank_[b]] -
           2 * affinity_.Between(a, b) * static_cast<int64_t>(lost);
  }

  void Swap(uint32_t a, uint32_t b) {
    const uint32_t from = rank_[a], to = rank_[b];
    Pull(a, from, to);
    Pull(b, to, from);
    load_[from] += problem_.load[b] - problem_.load[a];
    load_[to] += problem_.load[a] - problem_.load[b];
    std::swap(rank_[a], rank_[b]);
  }

  // `expert` moves: those it is active with feel it at the new place instead of the old.
  void Pull(uint32_t expert, uint32_t from, uint32_t to) {
    const uint32_t from_node = problem_.node_of_rank[from], to_node = problem_.node_of_rank[to];
    affinity_.ForEach(expert, [&](uint32_t other, int64_t count) {
      int64_t* pull = &pull_[size_t{other} * ranks_];
      pull[from] -= count * static_cast<int64_t>(problem_.rank_worth);
      pull[to] += count * static_cast<int64_t>(problem_.rank_worth);
      if (from_node == to_node || problem_.node_worth == 0) return;
      const int64_t node = count * static_cast<int64_t>(problem_.node_worth);
      for (uint32_t r = 0; r < ranks_; ++r) {
        if (problem_.node_of_rank[r] == from_node) pull[r] -= node;
        if (problem_.node_of_rank[r] == to_node) pull[r] += node;
      }
    });
  }

  const GroupingProblem& problem_;
  const Affinity& affinity_;
  const uint32_t num_experts_;
  const uint32_t ranks_;
  uint32_t nodes_ = 1;
  std::vector<uint32_t> rank_;
  std::vector<uint64_t> load_;
  std::vector<int64_t> pull_;  // [experts][ranks] worth of an expert's co-activations if it lived there
  uint64_t excess_ = 0;
  uint64_t worth_ = 0;
};

std::vector<uint32_t> InOrder(const GroupingProblem& problem) {
  std::vector<uint32_t> rank_of_expert;
  for (uint32_t r = 0; r < problem.capacity.size(); ++r) {
    rank_of_expert.insert(rank_of_expert.end(), problem.capacity[r], r);
  }
  return rank_of_expert;
}

// Heaviest first, each to the rank of least load that has room.
std::vector<uint32_t> ByLoad(const GroupingProblem& problem) {
  std::vector<uint32_t> order(problem.load.size());
  for (uint32_t e = 0; e < order.size(); ++e) order[e] = e;
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return problem.load[a] > problem.load[b]; });
  std::vector<uint64_t> load(problem.capacity.size(), 0);
  std::vector<uint32_t> room = problem.capacity, rank_of_expert(order.size());
  for (uint32_t e : order) {
    uint32_t best = UINT32_MAX;
    for (uint32_t r = 0; r < room.size(); ++r) {
      if (room[r] > 0 && (best == UINT32_MAX || load[r] < load[best])) best = r;
    }
    rank_of_expert[e] = best;
    load[best] += problem.load[e];
    --room[best];
  }
  return rank_of_expert;
}

// A part of the experts change places among themselves.
std::vector<uint32_t> Shuffled(std::vector<uint32_t> rank_of_expert, Random* random) {
  const uint64_t count = rank_of_expert.size();
  const uint64_t part = std::min<uint64_t>(count, 2 + random->Below(std::max<uint64_t>(count / 3, 1)));
  std::vector<uint32_t> chosen;
  for (uint64_t i = 0; i < part; ++i) chosen.push_back(static_cast<uint32_t>(random->Below(count)));
  for (size_t i = chosen.size(); i > 1; --i) {
    std::swap(rank_of_expert[chosen[i - 1]], rank_of_expert[chosen[random->Below(i)]]);
  }
  return rank_of_expert;
}

}  // namespace

Grouping GroupExperts(const GroupingProblem& problem, uint64_t iterations, uint64_t seed) {
  const uint32_t num_experts = static_cast<uint32_t>(problem.load.size());
  uint64_t places = 0;
  for (uint32_t capacity : problem.capacity) places += capacity;
  GROUTER_CHECK(num_experts > 0 && places == num_experts);
  GROUTER_CHECK(problem.node_of_rank.size() == problem.capacity.size());
  const Affinity affinity(num_experts, problem.pairs);
  Search search(problem, affinity);
  Random random(seed, 0x67726F7570);
  Grouping best = EvaluateGrouping(problem, InOrder(problem));
  uint64_t used = 0;
  for (uint64_t start = 0; used < iterations; ++start) {
    search.Start(start == 0   ? best.rank_of_expert
                 : start == 1 ? ByLoad(problem)
                              : Shuffled(best.rank_of_expert, &random));
    uint32_t unchanged = 0;
    for (uint32_t e = 0; unchanged < num_experts && used < iterations; e = (e + 1) % num_experts) {
      unchanged = search.Improve(e) ? 0 : unchanged + 1;
      used += num_experts;
    }
    if (search.BetterThan(best)) best = search.Get();
  }
  return best;
}

Grouping EvaluateGrouping(const GroupingProblem& problem, std::vector<uint32_t> rank_of_expert) {
  Grouping grouping;
  std::vector<uint64_t> load(problem.capacity.size(), 0);
  for (size_t e = 0; e < rank_of_expert.size(); ++e) load[rank_of_expert[e]] += problem.load[e];
  for (uint64_t each : load) grouping.excess += each > problem.load_limit ? each - problem.load_limit : 0;
  for (const CoactivationPair& pair : problem.pairs) {
    const uint32_t a = rank_of_expert[pair.a], b = rank_of_expert[pair.b];
    if (pair.a == pair.b) continue;
    if (a == b) grouping.worth += pair.count * problem.rank_worth;
    if (problem.node_of_rank[a] == problem.node_of_rank[b]) grouping.worth += pair.count * problem.node_worth;
  }
  grouping.rank_of_expert = std::move(rank_of_expert);
  return grouping;
}

}  // namespace grouter
