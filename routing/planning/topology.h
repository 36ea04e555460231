// The machine a job runs on, as plain values. Read from a small JSON file or written by `grouter probe`.
#ifndef GROUTER_ROUTING_PLANNING_TOPOLOGY_H_
#define GROUTER_ROUTING_PLANNING_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// One kind of link as one rank sees it.
struct Link {
  uint64_t bytes_per_second = 0;
  uint64_t latency_ns = 0;
};

// One machine. Nodes may differ in every field.
struct TopologyNode {
  std::string name;
  uint32_t num_ranks = 0;
  Link scale_up;                  // between ranks of this node (NVLink, shared memory), per rank
  Link scale_out;                 // between nodes (NIC, rail), per rank
  uint64_t flops_per_second = 0;  // of one rank's device, sustained in the experts' GEMM
  uint64_t memory_bytes = 0;      // of one rank's device; 0: not limited
};

// World ranks are numbered consecutively over the nodes in order. EP group g of a job with `ep_size` is
// world ranks [g * ep_size, (g + 1) * ep_size).
struct Topology {
  std::vector<TopologyNode> nodes;

  uint32_t world_size() const;
  // REQUIRES: rank < world_size().
  uint32_t NodeOf(uint32_t rank) const;
  uint32_t FirstRank(uint32_t node) const;

  // All problems at once (no nodes, a node without ranks, zero bandwidth), a fix each.
  absl::Status Validate() const;
  // JSON as docs/planner.md describes. `where` names the file in errors. Unknown fields are refused.
  static absl::StatusOr<Topology> FromJson(absl::string_view json, absl::string_view where);
  std::string ToJson() const;
  // Nodes alike, with the bandwidths of a laptop's loopback: what the demo uses.
  static Topology Uniform(uint32_t num_nodes, uint32_t ranks_per_node);
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_TOPOLOGY_H_
