// Plans where experts live from routes in a file, for the benchmark: prints one JSON object.
//
//   place_trace search ROUTES PLACES SLOTS CAP_PERMILLE ITERATIONS [EVENNESS_PERMILLE]
//   place_trace clusters ROUTES PLACES SEED
//
// ROUTES: little-endian u32 num_experts, k, num_samples, then each sample's length, then u8 ids [token][k].
// SLOTS a place, 0: as few as hold all experts. With EVENNESS_PERMILLE every
// place that a token visits counts: samples are nowhere.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "io/error.h"
#include "routing/planning/grouping/copy_search.h"
#include "routing/planning/grouping/sample_clusters.h"

namespace grouter {
namespace {

struct Routes {
  std::string bytes;
  uint32_t num_experts = 0;
  std::vector<RouteView> samples;
};

Routes Read(const char* path) {
  Routes routes;
  std::ifstream file(path, std::ios::binary);
  routes.bytes.assign(std::istreambuf_iterator<char>(file), {});
  uint32_t header[3];
  GROUTER_CHECK(routes.bytes.size() >= sizeof(header));
  std::memcpy(header, routes.bytes.data(), sizeof(header));
  routes.num_experts = header[0];
  size_t at = sizeof(header) + size_t{header[2]} * 4;
  for (uint32_t s = 0; s < header[2]; ++s) {
    RouteView view;
    std::memcpy(&view.num_tokens, routes.bytes.data() + sizeof(header) + size_t{s} * 4, 4);
    view.k = header[1];
    view.ids = absl::string_view(routes.bytes).substr(at, size_t{view.num_tokens} * view.k);
    at += view.ids.size();
    routes.samples.push_back(view);
  }
  GROUTER_CHECK(at == routes.bytes.size());
  return routes;
}

std::vector<uint32_t> EvenSlots(uint32_t num_experts, uint32_t places) {
  std::vector<uint32_t> slots(places, num_experts / places);
  for (uint32_t p = 0; p < num_experts % places; ++p) ++slots[p];
  return slots;
}

void Print(const ExpertPlaces& found, double seconds) {
  std::printf("{\"seconds\": %.6f, \"excess\": %llu, \"copies\": %llu, \"home\": [", seconds,
              static_cast<unsigned long long>(found.excess), static_cast<unsigned long long>(found.copies));
  for (size_t e = 0; e < found.home.size(); ++e) std::printf("%s%u", e == 0 ? "" : ", ", found.home[e]);
  std::printf("], \"experts\": [");
  for (size_t p = 0; p < found.experts.size(); ++p) {
    std::printf("%s[", p == 0 ? "" : ", ");
    for (size_t i = 0; i < found.experts[p].size(); ++i) {
      std::printf("%s%u", i == 0 ? "" : ", ", found.experts[p][i]);
    }
    std::printf("]");
  }
  std::printf("]}\n");
}

void Search(const Routes& routes, uint32_t places, uint32_t slots, uint64_t cap_permille, uint64_t iterations,
            const char* evenness) {
  const auto begin = std::chrono::steady_clock::now();
  TokenSets sets(routes.num_experts);
  for (const RouteView& view : routes.samples) sets.AddSample(view, 4096);
  CopyProblem problem;
  problem.tokens = &sets;
  problem.load.assign(routes.num_experts, 0);
  uint64_t total = 0;
  for (const RouteView& view : routes.samples) {
    for (char id : view.ids) ++problem.load[static_cast<uint8_t>(id)];
    total += view.ids.size();
  }
  const std::vector<uint32_t> even = EvenSlots(routes.num_experts, places);
  problem.slots = slots == 0 ? even : std::vector<uint32_t>(places, slots);
  problem.load_limit.assign(places, total * cap_permille / (1000 * places));
  if (evenness == nullptr) {
    problem.sample_share.assign(places, 1);
  } else {
    problem.evenness_permille = static_cast<uint32_t>(std::atoi(evenness));
  }
  std::vector<uint32_t> start;
  for (uint32_t p = 0; p < places; ++p) start.insert(start.end(), even[p], p);
  const ExpertPlaces found = FindFewestCopies(problem, start, iterations, 1);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  Print(found, seconds.count());
}

void Clusters(const Routes& routes, uint32_t places, uint64_t seed) {
  SampleCounts samples;
  for (const RouteView& view : routes.samples) {
    std::vector<ExpertCount> counts;
    for (uint32_t e = 0; e < routes.num_experts; ++e) counts.push_back({e, 0});
    for (char id : view.ids) ++counts[static_cast<uint8_t>(id)].count;
    samples.Add(counts);
  }
  SampleClusterOptions options;
  options.seed = seed;
  const auto begin = std::chrono::steady_clock::now();
  ExpertPlaces found;
  found.home =
      GroupBySampleClusters(samples, routes.num_experts, EvenSlots(routes.num_experts, places), options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  found.experts.resize(places);
  for (uint32_t e = 0; e < routes.num_experts; ++e) found.experts[found.home[e]].push_back(e);
  Print(found, seconds.count());
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "search" && argc >= 7) {
    grouter::Search(grouter::Read(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]),
                    std::strtoull(argv[6], nullptr, 10), argc > 7 ? argv[7] : nullptr);
    return 0;
  }
  if (mode == "clusters" && argc == 5) {
    grouter::Clusters(grouter::Read(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
    return 0;
  }
  std::fprintf(stderr, "usage: %s search ROUTES PLACES SLOTS CAP_PERMILLE ITERATIONS [EVENNESS_PERMILLE]\n",
               argv[0]);
  return 2;
}
