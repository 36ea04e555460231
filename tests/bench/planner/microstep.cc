// One micro-batch of a whole job: the assignment, and the plans of all ranks to the end. Prints one JSON
// object a line: {"stage", "nodes", "threads", "instructions", "tokens", "ms": [...]}. Input is rotated over
// the file's 256 MiB and more, so that routes come from memory. Results are checked before anything is timed.
//
//   microstep ROUTES NODES THREADS ROUNDS portable|avx2|best...     ROUTES: of `assignment make`
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/error.h"
#include "routing/planning/batch/rank_plan.h"
#include "routing/planning/certificate.h"
#include "tests/bench/planner/routes.h"

namespace grouter {
namespace {

using bench::kExperts, bench::kTokens, bench::kSamplesPerNode;

constexpr uint32_t kRanksPerNode = 8;

double Milliseconds(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

JobSpec SpecOf(uint32_t nodes) {
  JobSpec spec;
  spec.draft.tables.resize(1);
  spec.draft.topology = Topology::Uniform(nodes, kRanksPerNode);
  spec.draft.ep_size = nodes * kRanksPerNode;
  spec.draft.batch.samples_per_step = nodes * kSamplesPerNode;
  spec.draft.gate_weights = GateWeights::kLive;
  spec.draft.model.layer_group_of_layer = {0};
  spec.draft.model.hidden_size = 2048;
  spec.draft.model.activation_bytes = 2;
  return spec;
}

std::vector<TrafficSample> MicroBatch(const uint8_t* ids, uint64_t first, uint64_t count) {
  std::vector<TrafficSample> samples(count);
  for (uint64_t s = 0; s < count; ++s) {
    samples[s].sample = first + s;
    samples[s].facts.length = kTokens;
    samples[s].facts.num_loss_tokens = kTokens;
    samples[s].routes.push_back(bench::ViewOf(ids, first + s));
  }
  return samples;
}

void Print(const char* stage, uint32_t nodes, uint32_t threads, const std::string& set,
           const std::vector<double>& ms) {
  std::printf(
      "{\"stage\": \"%s\", \"nodes\": %u, \"threads\": %u, \"instructions\": \"%s\", \"tokens\": %u, \"ms\": "
      "[",
      stage, nodes, threads, set.c_str(), nodes * kSamplesPerNode * kTokens);
  for (size_t i = 0; i < ms.size(); ++i) std::printf("%s%.4f", i == 0 ? "" : ", ", ms[i]);
  std::printf("]}\n");
}

void Run(const bench::RouteFile& routes, uint32_t nodes, uint32_t threads, uint32_t rounds,
         const std::string& set) {
  const JobSpec spec = SpecOf(nodes);
  const WorldShape world = WorldShape::Of(spec.draft.topology, spec.draft.ep_size);
  const Placement placement = {LayerPlacement::Contiguous(kExperts, spec.draft.ep_size)};
  const InstructionSet instructions = set == "portable" ? InstructionSet::kPortable
                                      : set == "avx2"   ? InstructionSet::kAvx2
                                                        : BestInstructionSet();
  const TrafficModel model(spec.draft, world, placement, instructions);
  const uint64_t per_batch = uint64_t{nodes} * kSamplesPerNode;
  const uint64_t batches = routes.num_samples() / per_batch;
  std::vector<double> shared_ms, plan_ms, check_ms;
  const uint32_t ranks = spec.draft.topology.world_size();
  for (uint32_t round = 0; round < rounds + 1; ++round) {
    auto samples = MicroBatch(routes.ids(), round % batches * per_batch, per_batch);
    const auto begin = std::chrono::steady_clock::now();
    const auto traffic = MicroBatchTraffic::Make(model, std::move(samples), threads).value();
    const auto shared = std::chrono::steady_clock::now();
    const std::vector<MicroBatchPlan> plans = PlanForAllRanks(model, *traffic, threads);
    const auto planned = std::chrono::steady_clock::now();
    const absl::Status check = CheckMicroBatchPlan(spec, placement, plans[ranks / 2]);
    const auto checked = std::chrono::steady_clock::now();
    GROUTER_CHECK(check.ok());
    if (round == 0) {
      for (const MicroBatchPlan& plan : plans) GROUTER_CHECK(CheckMicroBatchPlan(spec, placement, plan).ok());
      continue;
    }
    shared_ms.push_back(Milliseconds(begin, shared));
    plan_ms.push_back(Milliseconds(begin, planned));
    check_ms.push_back(Milliseconds(planned, checked));
  }
  Print("assignment and counts", nodes, threads, set, shared_ms);
  Print("plan", nodes, threads, set, plan_ms);
  Print("certificate check", nodes, threads, set, check_ms);
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: %s ROUTES NODES THREADS ROUNDS portable|avx2|best...\n", argv[0]);
    return 2;
  }
  const grouter::bench::RouteFile routes(argv[1]);
  for (int i = 5; i < argc; ++i) {
    grouter::Run(routes, std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), argv[i]);
  }
  return 0;
}
