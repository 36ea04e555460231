#include "routing/planning/grouping/copy_search.h"

#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

// Tokens as they were made, to count again without bits.
struct SmallRun {
  uint32_t num_experts = 0;
  std::vector<std::vector<std::vector<uint32_t>>> samples;  // [sample][token] -> experts
  TokenSets sets{1};
  std::vector<uint64_t> load;
};

SmallRun RandomRun(uint32_t num_experts, uint32_t num_samples, uint32_t k, Random* random) {
  SmallRun run;
  run.num_experts = num_experts;
  run.sets = TokenSets(num_experts);
  run.load.assign(num_experts, 0);
  for (uint32_t s = 0; s < num_samples; ++s) {
    run.samples.emplace_back();
    std::string ids;
    const uint64_t topic = random->Below(num_experts), tokens = 1 + random->Below(90);
    for (uint64_t t = 0; t < tokens; ++t) {
      std::set<uint32_t> experts;
      while (experts.size() < std::min(k, num_experts)) {
        const uint64_t near = random->Below(2) == 0 ? random->Below(3) : random->Below(num_experts);
        experts.insert(static_cast<uint32_t>((topic + near) % num_experts));
      }
      run.samples.back().emplace_back(experts.begin(), experts.end());
      for (uint32_t e : experts) {
        ids.push_back(static_cast<char>(e));
        ++run.load[e];
      }
    }
    RouteView view;
    view.k = std::min(k, num_experts);
    view.num_tokens = static_cast<uint32_t>(ids.size()) / view.k;
    view.ids = ids;
    run.sets.AddSample(view, 1000);
  }
  return run;
}

CopyProblem Problem(const SmallRun& run, const std::vector<uint32_t>& slots, bool samples_stay) {
  CopyProblem problem;
  problem.tokens = &run.sets;
  problem.load = run.load;
  problem.slots = slots;
  problem.load_limit.assign(slots.size(), UINT64_MAX);
  if (samples_stay) problem.sample_share.assign(slots.size(), 1);
  return problem;
}

// The first experts to the first places, as many as leave each place's share.
std::vector<uint32_t> InOrder(uint32_t num_experts, const std::vector<uint32_t>& slots) {
  std::vector<uint32_t> places, used(slots.size(), 0);
  for (uint32_t e = 0, p = 0; e < num_experts; ++e) {
    while (used[p] == slots[p]) p = (p + 1) % static_cast<uint32_t>(slots.size());
    ++used[p];
    places.push_back(p);
    p = (p + 1) % static_cast<uint32_t>(slots.size());
  }
  return places;
}

struct Counted {
  uint64_t copies = 0;
  std::vector<uint64_t> load;
};
Counted CountAgain(const SmallRun& run, const ExpertPlaces& found) {
  Counted counted;
  counted.load.assign(found.experts.size(), 0);
  for (size_t s = 0; s < run.samples.size(); ++s) {
    for (const auto& token : run.samples[s]) {
      std::set<uint32_t> visited;
      for (uint32_t e : token) {
        uint32_t to = found.home[e];
        if (!found.place_of_sample.empty()) {
          const uint32_t own = found.place_of_sample[s];
          if (std::binary_search(found.experts[own].begin(), found.experts[own].end(), e)) to = own;
        }
        visited.insert(to);
        ++counted.load[to];
      }
      if (!found.place_of_sample.empty()) visited.erase(found.place_of_sample[s]);
      counted.copies += visited.size();
    }
  }
  return counted;
}

TEST(CopySearchTest, InAnyShapeItsCopiesAreThoseOfCountingAgainAndEveryExpertIsPlaced) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const uint32_t experts = 1 + random.Below(20), places = 1 + random.Below(5);
    const SmallRun run = RandomRun(experts, random.Below(12), 1 + random.Below(4), &random);
    std::vector<uint32_t> slots(places);
    uint32_t room = 0;
    for (uint32_t& each : slots) room += each = random.Below(2 * experts / places + 2);
    if (room < experts) slots[0] += experts - room;
    for (uint32_t& each : slots) each = std::min(each, experts);
    room = 0;
    for (uint32_t each : slots) room += each;
    if (room < experts) slots.assign(places, experts);
    CopyProblem problem = Problem(run, slots, round % 2 == 0);
    problem.batch_samples = round % 4 == 2 ? 3 : 0;
    uint64_t total = 0;
    for (uint64_t load : run.load) total += load;
    problem.load_limit.assign(places, total / places * 5 / 4);
    const ExpertPlaces found = FindFewestCopies(problem, InOrder(experts, slots), 3000, round);
    std::vector<uint32_t> holders(experts, 0);
    for (uint32_t p = 0; p < places; ++p) {
      EXPECT_EQ(found.experts[p].size(), slots[p]);
      EXPECT_EQ(std::set<uint32_t>(found.experts[p].begin(), found.experts[p].end()).size(), slots[p]);
      for (uint32_t e : found.experts[p]) ++holders[e];
    }
    for (uint32_t e = 0; e < experts; ++e) {
      EXPECT_GT(holders[e], 0u);
      EXPECT_TRUE(
          std::binary_search(found.experts[found.home[e]].begin(), found.experts[found.home[e]].end(), e));
    }
    const Counted counted = CountAgain(run, found);
    EXPECT_EQ(found.copies, counted.copies) << "round " << round;
    uint64_t excess = 0;
    for (uint32_t p = 0; p < places; ++p) {
      excess += counted.load[p] > problem.load_limit[p] ? counted.load[p] - problem.load_limit[p] : 0;
    }
    EXPECT_EQ(found.excess, excess);
  }
}

TEST(CopySearchTest, FindsWhatTryingEverythingFinds) {
  Random random(2);
  for (int round = 0; round < 6; ++round) {
    const SmallRun run = RandomRun(7, 5, 3, &random);
    const std::vector<uint32_t> slots = {3, 2, 2};
    CopyProblem problem = Problem(run, slots, false);
    uint64_t total = 0;
    for (uint64_t load : run.load) total += load;
    problem.load_limit.assign(3, total * 2 / 5);
    const ExpertPlaces found = FindFewestCopies(problem, InOrder(7, slots), 20000, 3);
    std::vector<uint32_t> places = {0, 0, 0, 1, 1, 2, 2};
    ExpertPlaces best;
    best.excess = best.cost = UINT64_MAX;
    do {
      ExpertPlaces other;
      other.experts.resize(3);
      other.home = places;
      for (uint32_t e = 0; e < 7; ++e) other.experts[places[e]].push_back(e);
      const Counted counted = CountAgain(run, other);
      other.copies = counted.copies;
      for (uint32_t p = 0; p < 3; ++p)
        other.excess += std::max(counted.load[p], problem.load_limit[p]) - problem.load_limit[p];
      other.cost = other.copies;
      if (other.BetterThan(best)) best = other;
    } while (std::next_permutation(places.begin(), places.end()));
    EXPECT_EQ(found.excess, best.excess);
    EXPECT_EQ(found.copies, best.copies);
  }
}

TEST(CopySearchTest, MoreIterationsAreNeverWorse) {
  Random random(3);
  const SmallRun run = RandomRun(24, 20, 4, &random);
  for (bool samples_stay : {false, true}) {
    const std::vector<uint32_t> slots = {8, 8, 9, 7};
    CopyProblem problem = Problem(run, slots, samples_stay);
    problem.evenness_permille = samples_stay ? 300 : 0;
    ExpertPlaces last = FindFewestCopies(problem, InOrder(24, slots), 0, 1);
    for (uint64_t iterations = 1; iterations < 40000; iterations = iterations * 2 + 3) {
      const ExpertPlaces next = FindFewestCopies(problem, InOrder(24, slots), iterations, 1);
      EXPECT_FALSE(last.BetterThan(next)) << iterations;
      last = next;
    }
  }
}

TEST(CopySearchTest, EvenLoadInEachSliceIsBoughtWithCopiesWhenItIsWorthMore) {
  // The first half of the samples uses experts 0 and 1, the second half 2 and 3, always both.
  SmallRun run;
  run.num_experts = 4;
  run.sets = TokenSets(4);
  for (int s = 0; s < 8; ++s) {
    RouteView view;
    const std::string ids = s < 4 ? std::string("\x00\x01", 2) : std::string("\x02\x03", 2);
    view.k = 2;
    view.num_tokens = 1;
    view.ids = ids;
    run.sets.AddSample(view, 1);
  }
  run.load = {4, 4, 4, 4};
  CopyProblem problem = Problem(run, {2, 2}, false);
  problem.num_slices = 2;
  EXPECT_EQ(FindFewestCopies(problem, {0, 1, 0, 1}, 500, 1).copies, 8u);
  problem.evenness_permille = 3000;
  EXPECT_EQ(FindFewestCopies(problem, {0, 0, 1, 1}, 500, 1).copies, 16u);
}

TEST(CopySearchTest, EveryInstructionSetFindsTheSamePlaces) {
  Random random(4);
  const SmallRun run = RandomRun(16, 10, 4, &random);
  const std::vector<uint32_t> slots = {6, 6, 6};
  const CopyProblem problem = Problem(run, slots, true);
  const ExpertPlaces expected = FindFewestCopies(problem, InOrder(16, slots), 5000, 1, UnionCountPortable);
  for (UnionCount count : {UnionCountPopcnt(), UnionCountAvx512()}) {
    if (count == nullptr) continue;
    const ExpertPlaces found = FindFewestCopies(problem, InOrder(16, slots), 5000, 1, count);
    EXPECT_EQ(found.experts, expected.experts);
    EXPECT_EQ(found.home, expected.home);
    EXPECT_EQ(found.copies, expected.copies);
  }
}

TEST(CopySearchTest, ReplicasOfWhatSamplesNeedMakeTokensStay) {
  // Two kinds of samples that share experts 0 and 1: with a spare slot for each of them nobody travels.
  SmallRun run;
  run.num_experts = 6;
  run.sets = TokenSets(6);
  for (int s = 0; s < 4; ++s) {
    const std::string ids =
        s % 2 == 0 ? std::string("\x00\x01\x02\x03", 4) : std::string("\x00\x01\x04\x05", 4);
    RouteView view;
    view.k = 4;
    view.num_tokens = 1;
    view.ids = ids;
    run.sets.AddSample(view, 1);
  }
  run.load = {4, 4, 2, 2, 2, 2};
  const ExpertPlaces found = FindFewestCopies(Problem(run, {4, 4}, true), {0, 1, 0, 1, 0, 1}, 2000, 1);
  EXPECT_EQ(found.copies, 0u);
}

}  // namespace
}  // namespace grouter
