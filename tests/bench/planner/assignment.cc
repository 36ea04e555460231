// The assignment of one micro-batch's samples to nodes, from their routes: the rows every sample needs on
// every node, and the exact assignment of least traffic.
//
//   assignment make FILE                              writes 256 MiB and more of routes
//   assignment run FILE NODES portable|avx2|best      then, for each line "FIRST COUNT" on stdin, one JSON
//   object: {"ms": [of COUNT micro-batches, FIRST on, one after the other], "read_ms": [reading the same ids
//   and nothing else], "rows": [[...]], "node_of": [...]} (of FIRST)
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "io/error.h"
#include "routing/planning/batch/sample_assignment.h"
#include "routing/planning/counting/column_counter.h"
#include "tests/bench/planner/routes.h"

namespace grouter {
namespace bench {
namespace {

int Make(const char* file) {
  const std::vector<uint8_t> ids = MakeRoutes((uint64_t{256} << 20) / (kTokens * kTopk) + 128);
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(ids.size()));
  return out.flush() ? 0 : 3;
}

class Assigner {
 public:
  Assigner(const char* file, uint32_t nodes, InstructionSet instructions)
      : routes_(file),
        nodes_(nodes),
        samples_(nodes * kSamplesPerNode),
        topology_(Topology::Uniform(nodes, 1)),
        world_(WorldShape::Of(topology_, nodes)),
        counter_(nodes, NodeOfExpert(nodes), instructions) {
    num_batches_ = routes_.num_samples() / samples_;
  }

  // One micro-batch: what is timed.
  void Assign(uint64_t batch) {
    batch %= num_batches_;
    const uint32_t stride = counter_.num_counts();
    counts_.assign(size_t{samples_} * stride, 0);
    traffic_.num_samples = samples_;
    traffic_.block_rows.resize(size_t{samples_} * nodes_);
    for (uint32_t s = 0; s < samples_; ++s) {
      uint32_t* counts = &counts_[size_t{s} * stride];
      counter_.Count(ViewOf(routes_.ids(), batch * samples_ + s), 0, kTokens, counts);
      for (uint32_t n = 0; n < nodes_; ++n) traffic_.block_rows[size_t{s} * nodes_ + n] = counts[n];
    }
    node_of_ = AssignSamplesToNodes(traffic_, world_, topology_, /*row_bytes=*/4096);
  }

  // The machine's limit: the same ids from memory, summed up.
  uint64_t ReadOnly(uint64_t batch) const {
    const uint64_t* words =
        reinterpret_cast<const uint64_t*>(routes_.ids() + batch % num_batches_ * samples_ * kSampleBytes);
    using Vector = uint64_t __attribute__((vector_size(64), aligned(8)));
    Vector sums[4] = {};
    for (uint64_t i = 0; i < samples_ * kSampleBytes / sizeof(Vector); i += 4) {
      for (uint64_t j = 0; j < 4; ++j) {
        __builtin_prefetch(words + 8 * (i + j) + 1024, 0, 2);
        __builtin_prefetch(words + 8 * (i + j) + 128, 0, 3);
        sums[j] += *reinterpret_cast<const Vector*>(words + 8 * (i + j));
      }
    }
    const Vector sum = sums[0] + sums[1] + sums[2] + sums[3];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
  }

  void Answer(uint64_t first, uint64_t count) {
    std::vector<double> ms, read_ms;
    for (uint64_t i = 0; i < count; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      read_ += ReadOnly(first + i);
      read_ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::string rows, nodes;
    for (uint64_t i = 0; i < count; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      Assign(first + i);
      ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
      if (i > 0) continue;
      for (uint32_t s = 0; s < samples_; ++s) {
        rows += s == 0 ? "[" : ", [";
        for (uint32_t n = 0; n < nodes_; ++n) {
          rows += (n == 0 ? "" : ", ") + std::to_string(traffic_.block_rows[size_t{s} * nodes_ + n]);
        }
        rows += "]";
        nodes += (s == 0 ? "" : ", ") + std::to_string(node_of_[s]);
      }
    }
    std::printf("{\"ms\": [");
    for (size_t i = 0; i < ms.size(); ++i) std::printf("%s%.5f", i == 0 ? "" : ", ", ms[i]);
    std::printf("], \"read_ms\": [");
    for (size_t i = 0; i < read_ms.size(); ++i) std::printf("%s%.5f", i == 0 ? "" : ", ", read_ms[i]);
    std::printf("], \"rows\": [%s], \"node_of\": [%s]}\n", rows.c_str(), nodes.c_str());
    std::fflush(stdout);
  }

 private:
  static std::vector<std::vector<uint32_t>> NodeOfExpert(uint32_t nodes) {
    std::vector<std::vector<uint32_t>> node_of_expert(kExperts);
    for (uint32_t e = 0; e < kExperts; ++e) node_of_expert[e] = {e / (kExperts / nodes)};
    return node_of_expert;
  }

  const RouteFile routes_;
  const uint32_t nodes_, samples_;
  const Topology topology_;
  const WorldShape world_;
  const ColumnCounter counter_;
  uint64_t num_batches_ = 0;
  volatile uint64_t read_ = 0;  // so that what is read is needed
  std::vector<uint32_t> counts_;
  SampleTraffic traffic_;
  std::vector<uint32_t> node_of_;
};

int Run(const char* file, uint32_t nodes, const std::string& set) {
  Assigner assigner(file, nodes,
                    set == "portable" ? InstructionSet::kPortable
                    : set == "avx2"   ? InstructionSet::kAvx2
                                      : BestInstructionSet());
  unsigned long long first = 0, count = 0;
  while (std::scanf("%llu %llu", &first, &count) == 2) assigner.Answer(first, count);
  return 0;
}

}  // namespace
}  // namespace bench
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "make") == 0) return grouter::bench::Make(argv[2]);
  if (argc == 5 && std::strcmp(argv[1], "run") == 0) {
    return grouter::bench::Run(argv[2], static_cast<uint32_t>(std::atoi(argv[3])), argv[4]);
  }
  std::fprintf(stderr, "usage: %s make FILE | run FILE NODES portable|avx2|best\n", argv[0]);
  return 2;
}
