// Plans where experts live from routes in a file, for the benchmark: prints one JSON object.
//
//   place_trace search ROUTES PLACES SLOTS CAP_PERMILLE ITERATIONS [EVENNESS_PERMILLE | batch SAMPLES]
//   place_trace counted ROUTES COUNTS PLACES CAP_PERMILLE ITERATIONS
//   place_trace clusters ROUTES PLACES SEED
//   place_trace assign COSTS BATCH
//   place_trace stand_in EXPERTS SAMPLES SEED ROUTES
//
// ROUTES: little-endian u32 num_experts, k, num_samples, then each sample's length, then u8 ids [token][k].
// SLOTS a place, 0: as few as hold all experts. With EVENNESS_PERMILLE every
// place that a token visits counts: samples are nowhere.
//
// "counted" takes the load from COUNTS, u16 [samples][experts], and the tokens from ROUTES. COSTS: u32 items,
// u32 places, then i64 [items][places]; each BATCH of items in order is assigned by itself, evenly.
// "stand_in" writes ROUTES: samples of the stand-in, by topic in turn.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "io/error.h"
#include "routing/planning/batch/sample_assignment.h"
#include "routing/planning/batch/transport.h"
#include "routing/planning/grouping/copy_search.h"
#include "routing/planning/grouping/sample_clusters.h"
#include "tests/bench/table/stand_in.h"

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

ExpertPlaces Find(const Routes& routes, const std::vector<uint64_t>& load, uint32_t tokens_per_sample,
                  uint32_t places, uint32_t slots, uint64_t cap_permille, uint64_t iterations,
                  const char* evenness, uint32_t batch_samples) {
  TokenSets sets(routes.num_experts);
  for (const RouteView& view : routes.samples) sets.AddSample(view, tokens_per_sample);
  CopyProblem problem;
  problem.tokens = &sets;
  problem.load = load;
  uint64_t total = 0;
  for (uint64_t each : load) total += each;
  const std::vector<uint32_t> even = EvenSlots(routes.num_experts, places);
  problem.slots = slots == 0 ? even : std::vector<uint32_t>(places, slots);
  problem.load_limit.assign(places, total * cap_permille / (1000 * places));
  problem.batch_samples = batch_samples;
  if (evenness == nullptr) {
    problem.sample_share.assign(places, 1);
  } else {
    problem.evenness_permille = static_cast<uint32_t>(std::atoi(evenness));
  }
  std::vector<uint32_t> start;
  for (uint32_t p = 0; p < places; ++p) start.insert(start.end(), even[p], p);
  return FindFewestCopies(problem, start, iterations, 1);
}

void Search(const Routes& routes, uint32_t places, uint32_t slots, uint64_t cap_permille, uint64_t iterations,
            const char* evenness, uint32_t batch_samples) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<uint64_t> load(routes.num_experts, 0);
  for (const RouteView& view : routes.samples) {
    for (char id : view.ids) ++load[static_cast<uint8_t>(id)];
  }
  const ExpertPlaces found =
      Find(routes, load, 4096, places, slots, cap_permille, iterations, evenness, batch_samples);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  Print(found, seconds.count());
}

void Counted(const Routes& routes, const char* path, uint32_t places, uint64_t cap_permille,
             uint64_t iterations) {
  std::ifstream file(path, std::ios::binary);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<uint64_t> load(routes.num_experts, 0);
  std::vector<uint16_t> rows(size_t{routes.num_experts} * 4096);
  while (file) {
    file.read(reinterpret_cast<char*>(rows.data()), static_cast<std::streamsize>(rows.size() * 2));
    const size_t values = static_cast<size_t>(file.gcount()) / 2;
    for (size_t i = 0; i < values; i += load.size()) {
      for (size_t e = 0; e < load.size(); ++e) load[e] += rows[i + e];
    }
  }
  const ExpertPlaces found = Find(routes, load, 128, places, 0, cap_permille, iterations, nullptr, 0);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  Print(found, seconds.count());
}

void Assign(const char* path, uint32_t batch) {
  std::ifstream file(path, std::ios::binary);
  uint32_t header[2] = {0, 0};
  file.read(reinterpret_cast<char*>(header), sizeof(header));
  std::vector<int64_t> cost(size_t{header[0]} * header[1]);
  file.read(reinterpret_cast<char*>(cost.data()), static_cast<std::streamsize>(cost.size() * 8));
  GROUTER_CHECK(file.good() && batch > 0);
  std::printf("[");
  for (uint32_t first = 0; first < header[0]; first += batch) {
    const uint32_t count = std::min(batch, header[0] - first);
    const auto begin = cost.begin() + size_t{first} * header[1];
    const std::vector<uint32_t> places =
        SolveTransport(count, {begin, begin + size_t{count} * header[1]}, RankCapacities(count, header[1]));
    for (size_t i = 0; i < places.size(); ++i) std::printf("%s%u", first + i == 0 ? "" : ", ", places[i]);
  }
  std::printf("]\n");
}

void StandInRoutes(uint32_t num_experts, uint32_t samples, uint64_t seed, const char* path) {
  bench::StandInOptions options;
  options.num_experts = num_experts;
  options.num_samples = samples;
  options.sample_tokens = 2048;
  options.seed = seed;
  const bench::StandIn data = bench::MakeStandIn(options);
  std::ofstream file(path, std::ios::binary);
  const uint32_t header[3] = {num_experts, options.k, samples};
  file.write(reinterpret_cast<const char*>(header), sizeof(header));
  const std::vector<uint32_t> lengths(samples, options.sample_tokens);
  file.write(reinterpret_cast<const char*>(lengths.data()), static_cast<std::streamsize>(lengths.size() * 4));
  file.write(reinterpret_cast<const char*>(data.ids.data()), static_cast<std::streamsize>(data.ids.size()));
  GROUTER_CHECK(file.good());
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
                    std::strtoull(argv[6], nullptr, 10), argc == 8 ? argv[7] : nullptr,
                    argc == 9 ? std::atoi(argv[8]) : 0);
    return 0;
  }
  if (mode == "counted" && argc == 7) {
    grouter::Counted(grouter::Read(argv[2]), argv[3], std::atoi(argv[4]), std::atoi(argv[5]),
                     std::strtoull(argv[6], nullptr, 10));
    return 0;
  }
  if (mode == "assign" && argc == 4) {
    grouter::Assign(argv[2], std::atoi(argv[3]));
    return 0;
  }
  if (mode == "stand_in" && argc == 6) {
    grouter::StandInRoutes(std::atoi(argv[2]), std::atoi(argv[3]), std::strtoull(argv[4], nullptr, 10),
                           argv[5]);
    return 0;
  }
  if (mode == "clusters" && argc == 5) {
    grouter::Clusters(grouter::Read(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
    return 0;
  }
  std::fprintf(stderr, "usage: %s search|counted|clusters|assign|stand_in ...\n", argv[0]);
  return 2;
}
