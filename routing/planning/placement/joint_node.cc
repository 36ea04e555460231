#include "routing/planning/placement/joint_node.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "io/error.h"
#include "io/random.h"
#include "routing/planning/batch/transport.h"

namespace grouter {
namespace {

struct Sizes {
  uint32_t ranks, samples, experts;
  explicit Sizes(const JointNodeProblem& problem)
      : ranks(static_cast<uint32_t>(problem.samples_of_rank.size())),
        samples(std::accumulate(problem.samples_of_rank.begin(), problem.samples_of_rank.end(), 0u)),
        experts(std::accumulate(problem.experts_of_rank.begin(), problem.experts_of_rank.end(), 0u)) {}
};

std::vector<uint32_t> InOrder(const std::vector<uint32_t>& capacity) {
  std::vector<uint32_t> rank_of;
  for (uint32_t r = 0; r < capacity.size(); ++r) rank_of.insert(rank_of.end(), capacity[r], r);
  return rank_of;
}

// [experts] pairs of all samples.
std::vector<uint64_t> Loads(const JointNodeProblem& problem, const Sizes& sizes) {
  std::vector<uint64_t> load(sizes.experts, 0);
  for (uint32_t s = 0; s < sizes.samples; ++s) {
    for (uint32_t e = 0; e < sizes.experts; ++e) load[e] += problem.pairs[size_t{s} * sizes.experts + e];
  }
  return load;
}

// Experts where most of their pairs are local, samples given: exact, load aside.
std::vector<uint32_t> BestExperts(const JointNodeProblem& problem, const Sizes& sizes,
                                  const std::vector<uint32_t>& rank_of_sample) {
  std::vector<int64_t> cost(size_t{sizes.experts} * sizes.ranks, 0);
  for (uint32_t s = 0; s < sizes.samples; ++s) {
    for (uint32_t e = 0; e < sizes.experts; ++e) {
      cost[size_t{e} * sizes.ranks + rank_of_sample[s]] -= problem.pairs[size_t{s} * sizes.experts + e];
    }
  }
  return SolveTransport(sizes.experts, cost, problem.experts_of_rank);
}

// Heaviest first, each to the rank of least load that has room.
std::vector<uint32_t> LevelExperts(const JointNodeProblem& problem, const std::vector<uint64_t>& load) {
  std::vector<uint32_t> order(load.size()), rank_of(load.size()), room = problem.experts_of_rank;
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return load[a] > load[b]; });
  std::vector<uint64_t> sum(room.size(), 0);
  for (uint32_t e : order) {
    uint32_t best = UINT32_MAX;
    for (uint32_t r = 0; r < room.size(); ++r) {
      if (room[r] > 0 && (best == UINT32_MAX || sum[r] < sum[best])) best = r;
    }
    rank_of[e] = best;
    sum[best] += load[e];
    --room[best];
  }
  return rank_of;
}

class Search {
 public:
  Search(const JointNodeProblem& problem, const Sizes& sizes)
      : problem_(problem), sizes_(sizes), load_of_expert_(Loads(problem, sizes)) {}

  const std::vector<uint64_t>& load_of_expert() const { return load_of_expert_; }
  uint64_t cost() const { return cost_; }
  const std::vector<uint32_t>& rank_of_sample() const { return rank_of_sample_; }
  const std::vector<uint32_t>& rank_of_expert() const { return rank_of_expert_; }

  void Start(std::vector<uint32_t> rank_of_sample, std::vector<uint32_t> rank_of_expert) {
    rank_of_sample_ = std::move(rank_of_sample);
    rank_of_expert_ = std::move(rank_of_expert);
    local_.assign(size_t{sizes_.ranks} * sizes_.experts, 0);
    for (uint32_t s = 0; s < sizes_.samples; ++s) {
      int64_t* local = &local_[size_t{rank_of_sample_[s]} * sizes_.experts];
      const uint32_t* pairs = &problem_.pairs[size_t{s} * sizes_.experts];
      for (uint32_t e = 0; e < sizes_.experts; ++e) local[e] += pairs[e];
    }
    load_.assign(sizes_.ranks, 0);
    own_.resize(sizes_.experts);
    for (uint32_t e = 0; e < sizes_.experts; ++e) {
      load_[rank_of_expert_[e]] += static_cast<int64_t>(load_of_expert_[e]);
      own_[e] = Local(rank_of_expert_[e], e);
    }
    cost_ = JointNodeCost(problem_, rank_of_sample_, rank_of_expert_);
    RankByLoad();
  }

  // Exchanges experts while one helps, then gives the samples their best places, until neither helps.
  void Descend(uint64_t* tries) {
    for (;;) {
      for (uint32_t since = 0, e = 0; since<sizes_.experts&& * tries> 0; e = (e + 1) % sizes_.experts) {
        *tries -= std::min<uint64_t>(*tries, sizes_.experts);
        since = ExchangeBest(e) ? 0 : since + 1;
      }
      if (*tries == 0) return;  // so that a longer search passes through what a shorter one ends with
      if (sizes_.samples <= sizes_.ranks && Uniform()) return;
      std::vector<uint32_t> samples = BestSamples();
      const uint64_t cost = JointNodeCost(problem_, samples, rank_of_expert_);
      if (cost >= cost_) return;
      Start(std::move(samples), std::move(rank_of_expert_));
    }
  }

  void Exchange(uint32_t a, uint32_t b) {
    const uint32_t p = rank_of_expert_[a], q = rank_of_expert_[b];
    const int64_t more = static_cast<int64_t>(load_of_expert_[b]) - static_cast<int64_t>(load_of_expert_[a]);
    load_[p] += more;
    load_[q] -= more;
    std::swap(rank_of_expert_[a], rank_of_expert_[b]);
    own_[a] = Local(q, a);
    own_[b] = Local(p, b);
    RankByLoad();
  }

 private:
  int64_t Local(uint32_t rank, uint32_t expert) const {
    return local_[size_t{rank} * sizes_.experts + expert];
  }
  // Whether ranks with one sample each are alike, so that changing samples about changes nothing.
  bool Uniform() const {
    const auto same = [](const std::vector<uint32_t>& of_rank) {
      return std::adjacent_find(of_rank.begin(), of_rank.end(), std::not_equal_to<uint32_t>()) ==
             of_rank.end();
    };
    return same(problem_.samples_of_rank) && same(problem_.experts_of_rank);
  }

  void RankByLoad() {
    for (uint32_t& top : top_) top = UINT32_MAX;
    for (uint32_t r = 0; r < sizes_.ranks; ++r) {
      uint32_t rank = r;
      for (uint32_t& top : top_) {
        if (top == UINT32_MAX || load_[rank] > load_[top]) std::swap(top, rank);
        if (rank == UINT32_MAX) break;
      }
    }
  }
  // The busiest rank's load, two ranks left out.
  int64_t BusiestBut(uint32_t p, uint32_t q) const {
    for (uint32_t top : top_) {
      if (top == UINT32_MAX) break;
      if (top != p && top != q) return load_[top];
    }
    return 0;
  }

  // Exchanges `a` with the expert that lowers the cost most, if one does.
  bool ExchangeBest(uint32_t a) {
    const uint32_t p = rank_of_expert_[a];
    const int64_t* local_p = &local_[size_t{p} * sizes_.experts];
    const int64_t busiest = load_[top_[0]];
    const int64_t load_a = static_cast<int64_t>(load_of_expert_[a]);
    const int64_t remote_cost = static_cast<int64_t>(problem_.remote_cost);
    const int64_t busy_cost = static_cast<int64_t>(problem_.busy_cost);
    gain_.resize(sizes_.ranks);
    others_.resize(sizes_.ranks);
    for (uint32_t q = 0; q < sizes_.ranks; ++q) {
      gain_[q] = Local(q, a) - own_[a];
      others_[q] = BusiestBut(p, q);
    }
    uint32_t best = UINT32_MAX;
    int64_t best_change = 0;
    for (uint32_t b = 0; b < sizes_.experts; ++b) {
      const uint32_t q = rank_of_expert_[b];
      if (q == p) continue;
      const int64_t more = static_cast<int64_t>(load_of_expert_[b]) - load_a;
      const int64_t after = std::max(others_[q], std::max(load_[p] + more, load_[q] - more));
      const int64_t change = busy_cost * (after - busiest) - remote_cost * (gain_[q] + local_p[b] - own_[b]);
      if (change < best_change) {
        best = b;
        best_change = change;
      }
    }
    if (best == UINT32_MAX) return false;
    Exchange(a, best);
    cost_ = static_cast<uint64_t>(static_cast<int64_t>(cost_) + best_change);
    return true;
  }

  std::vector<uint32_t> BestSamples() const {
    std::vector<int64_t> cost(size_t{sizes_.samples} * sizes_.ranks, 0);
    for (uint32_t s = 0; s < sizes_.samples; ++s) {
      for (uint32_t e = 0; e < sizes_.experts; ++e) {
        cost[size_t{s} * sizes_.ranks + rank_of_expert_[e]] -= problem_.pairs[size_t{s} * sizes_.experts + e];
      }
    }
    return SolveTransport(sizes_.samples, cost, problem_.samples_of_rank);
  }

  const JointNodeProblem& problem_;
  const Sizes sizes_;
  const std::vector<uint64_t> load_of_expert_;
  std::vector<uint32_t> rank_of_sample_, rank_of_expert_;
  std::vector<int64_t> local_;  // [ranks][experts] pairs that would be local if the expert lived there
  std::vector<int64_t> own_;    // [experts] those that are
  std::vector<int64_t> load_;   // [ranks]
  std::vector<int64_t> gain_, others_;
  uint32_t top_[3] = {};  // the three busiest ranks
  uint64_t cost_ = 0;
};

}  // namespace

uint64_t JointNodeCost(const JointNodeProblem& problem, const std::vector<uint32_t>& rank_of_sample,
                       const std::vector<uint32_t>& rank_of_expert) {
  const size_t experts = rank_of_expert.size();
  std::vector<uint64_t> load(problem.samples_of_rank.size(), 0);
  uint64_t remote = 0;
  for (size_t s = 0; s < rank_of_sample.size(); ++s) {
    const uint32_t* pairs = &problem.pairs[s * experts];
    for (size_t e = 0; e < experts; ++e) {
      load[rank_of_expert[e]] += pairs[e];
      if (rank_of_expert[e] != rank_of_sample[s]) remote += pairs[e];
    }
  }
  return problem.remote_cost * remote + problem.busy_cost * *std::max_element(load.begin(), load.end());
}

uint64_t JointNodeLowerBound(const JointNodeProblem& problem) {
  const Sizes sizes(problem);
  const std::vector<uint64_t> load = Loads(problem, sizes);
  const uint64_t total = std::accumulate(load.begin(), load.end(), uint64_t{0});
  const auto all_are = [](const std::vector<uint32_t>& of_rank, uint32_t number) {
    return std::all_of(of_rank.begin(), of_rank.end(), [&](uint32_t each) { return each == number; });
  };
  uint64_t local = 0;
  if (all_are(problem.samples_of_rank, 1) && all_are(problem.experts_of_rank, problem.experts_of_rank[0])) {
    const std::vector<uint32_t> samples = InOrder(problem.samples_of_rank);
    const std::vector<uint32_t> experts = BestExperts(problem, sizes, samples);
    for (uint32_t s = 0; s < sizes.samples; ++s) {
      for (uint32_t e = 0; e < sizes.experts; ++e) {
        if (experts[e] == samples[s]) local += problem.pairs[size_t{s} * sizes.experts + e];
      }
    }
  } else {
    const uint32_t most = *std::max_element(problem.samples_of_rank.begin(), problem.samples_of_rank.end());
    std::vector<uint32_t> users(sizes.samples);
    for (uint32_t e = 0; e < sizes.experts; ++e) {
      for (uint32_t s = 0; s < sizes.samples; ++s) users[s] = problem.pairs[size_t{s} * sizes.experts + e];
      std::sort(users.begin(), users.end(), std::greater<uint32_t>());
      local += std::accumulate(users.begin(), users.begin() + std::min(most, sizes.samples), uint64_t{0});
    }
  }
  const uint64_t mean = (total + sizes.ranks - 1) / sizes.ranks;
  return problem.remote_cost * (total - local) +
         problem.busy_cost * std::max(mean, *std::max_element(load.begin(), load.end()));
}

JointNode PlaceJointly(const JointNodeProblem& problem, uint64_t iterations, uint64_t seed) {
  const Sizes sizes(problem);
  GROUTER_CHECK(sizes.ranks > 0 && sizes.experts > 0 && sizes.samples > 0);
  GROUTER_CHECK(problem.experts_of_rank.size() == sizes.ranks);
  GROUTER_CHECK(problem.pairs.size() == size_t{sizes.samples} * sizes.experts);
  Search search(problem, sizes);
  Random random(seed, 0x6A6F696E74);
  JointNode best;
  const auto keep = [&] {
    if (!best.rank_of_expert.empty() && search.cost() >= best.cost) return;
    best.rank_of_sample = search.rank_of_sample();
    best.rank_of_expert = search.rank_of_expert();
    best.cost = search.cost();
  };
  const std::vector<uint32_t> samples = InOrder(problem.samples_of_rank);
  search.Start(samples, BestExperts(problem, sizes, samples));
  search.Descend(&iterations);
  keep();
  search.Start(samples, LevelExperts(problem, search.load_of_expert()));
  search.Descend(&iterations);
  keep();
  best.lower_bound = JointNodeLowerBound(problem);
  for (uint64_t round = 0; iterations > 0 && best.cost > best.lower_bound && sizes.ranks > 1; ++round) {
    std::vector<uint32_t> rank_of_sample = best.rank_of_sample, rank_of_expert = best.rank_of_expert;
    // A better placement may be out of reach of every small exchange: now and then all is drawn anew.
    const bool anew = round % 16 == 15;
    const uint64_t part = anew ? sizes.experts : 1 + random.Below(1 + sizes.experts / 6);
    if (anew) {
      random.Shuffle(&rank_of_expert);
      random.Shuffle(&rank_of_sample);
    } else {
      for (uint64_t i = 0; i < part; ++i) {
        std::swap(rank_of_expert[random.Below(sizes.experts)], rank_of_expert[random.Below(sizes.experts)]);
      }
      if (round % 2 == 1) {
        std::swap(rank_of_sample[random.Below(sizes.samples)], rank_of_sample[random.Below(sizes.samples)]);
      }
    }
    iterations -= std::min<uint64_t>(iterations, part + 1);
    search.Start(std::move(rank_of_sample), std::move(rank_of_expert));
    search.Descend(&iterations);
    keep();
  }
  return best;
}

}  // namespace grouter
