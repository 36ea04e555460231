// Measures the machine that ranks were started on: links between them, and each one's device.
#ifndef GROUTER_TRAINER_PROBE_PROBE_H_
#define GROUTER_TRAINER_PROBE_PROBE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/topology.h"
#include "trainer/collectives/collectives.h"

namespace grouter {

// Medians of one rank over the rounds.
struct LinkTimes {
  uint64_t small_ns = 0;  // an exchange of one small row
  uint64_t large_ns = 0;  // of the large message
};

// What one rank found out.
struct RankProbe {
  std::string node;           // name of its machine, at most 63 bytes
  uint64_t memory_bytes = 0;  // of the machine; its ranks share it equally; 0: unknown
  uint64_t flops_per_second = 0;
  LinkTimes scale_up, scale_out;
};

// The topology of ranks in order. A node's link is that of its slowest rank: latency = the small exchange,
// bandwidth = message_bytes / max(large - small, large / 2). With one node scale-out is what scale-up is.
// FAILED_PRECONDITION when the ranks of a machine do not follow each other. REQUIRES: not empty.
absl::StatusOr<Topology> TopologyOf(const std::vector<RankProbe>& ranks, uint64_t message_bytes);

struct ProbeOptions {
  std::string node;                  // of this rank
  uint64_t memory_bytes = 0;         // of its machine
  uint64_t message_bytes = 4 << 20;  // of the large exchange; at least 4,096
  uint32_t rounds = 9;               // of each measurement; the median counts
  std::function<uint64_t()> now_ns;  // a steady clock
  // Floating-point operations a second of this rank's device, measured while its neighbours measure theirs;
  // told how many ranks share the machine.
  std::function<uint64_t(uint32_t ranks_on_node)> measure_flops;
};

// All ranks call; all get the same topology. Each exchange is the trainer's all-to-all with rows for one
// partner: the next rank of the machine (itself when alone), then the rank of equal index, modulo, on the
// next machine; every rank at once, as in a step. Errors are the collectives'.
absl::StatusOr<Topology> ProbeRanks(Collectives& world, const ProbeOptions& options);

// measure_flops by matrix products of an expert's size on this rank's share of the machine's cores.
uint64_t MeasureMatMulFlops(uint32_t ranks_on_node, uint32_t rounds, const std::function<uint64_t()>& now_ns);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PROBE_PROBE_H_
