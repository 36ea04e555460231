// One node's experts and samples placed together. Reads SAMPLES x EXPERTS pair counts as text from stdin;
// prints
// {"ms": [...], "cost": N, "lower_bound": N, "rank_of_sample": [...], "rank_of_expert": [...]}.
//
//   joint_node SAMPLES EXPERTS RANKS REMOTE_COST BUSY_COST ITERATIONS ROUNDS
#include "routing/planning/placement/joint_node.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace grouter {
namespace {

void PrintList(const char* name, const std::vector<uint32_t>& list) {
  std::printf(", \"%s\": [", name);
  for (size_t i = 0; i < list.size(); ++i) std::printf("%s%u", i == 0 ? "" : ", ", list[i]);
  std::printf("]");
}

int Run(char** argv) {
  const auto number = [argv](int i) { return static_cast<uint64_t>(std::atoll(argv[i])); };
  JointNodeProblem problem;
  problem.pairs.resize(number(1) * number(2));
  for (uint32_t& pairs : problem.pairs) {
    if (std::scanf("%u", &pairs) != 1) return 3;
  }
  problem.samples_of_rank.assign(number(3), static_cast<uint32_t>(number(1) / number(3)));
  problem.experts_of_rank.assign(number(3), static_cast<uint32_t>(number(2) / number(3)));
  problem.remote_cost = number(4);
  problem.busy_cost = number(5);
  JointNode placed;
  std::printf("{\"ms\": [");
  for (uint64_t round = 0; round < number(7); ++round) {
    const auto begin = std::chrono::steady_clock::now();
    placed = PlaceJointly(problem, number(6), 1);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    std::printf("%s%.5f", round == 0 ? "" : ", ", took.count());
  }
  std::printf("], \"cost\": %llu, \"lower_bound\": %llu", static_cast<unsigned long long>(placed.cost),
              static_cast<unsigned long long>(placed.lower_bound));
  PrintList("rank_of_sample", placed.rank_of_sample);
  PrintList("rank_of_expert", placed.rank_of_expert);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc == 8) return grouter::Run(argv);
  std::fprintf(stderr, "usage: %s SAMPLES EXPERTS RANKS REMOTE_COST BUSY_COST ITERATIONS ROUNDS\n", argv[0]);
  return 2;
}
