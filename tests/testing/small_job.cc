#include "tests/testing/small_job.h"

#include <string>

#include "io/random.h"

namespace grouter {
namespace testing {

JobDraft RandomDraft(uint64_t seed) {
  Random random(seed, 0x6A6F62);
  JobDraft draft;
  const uint64_t num_tables = 1 + random.Below(3);
  for (uint64_t t = 0; t < num_tables; ++t) {
    TableUse use;
    use.table = Sha256("table" + std::to_string(random.Next()));
    use.sample_index = Sha256("index" + std::to_string(random.Next()));
    use.split = random.Below(2) == 0 ? "train" : "a split named otherwise";
    use.weight = 1 + random.Below(100);
    use.missing_routes = static_cast<MissingRoutes>(random.Below(2));
    draft.tables.push_back(use);
  }
  draft.ep_size = 1 + random.Below(5);
  uint32_t ranks_left = draft.ep_size * (1 + random.Below(3));
  while (ranks_left > 0) {
    TopologyNode node = Topology::Uniform(1, 1).nodes[0];
    node.name = "node \"" + std::to_string(draft.topology.nodes.size()) + "\"";
    node.num_ranks = 1 + random.Below(ranks_left);
    node.scale_out.latency_ns = random.Below(100000);
    ranks_left -= node.num_ranks;
    draft.topology.nodes.push_back(node);
  }
  draft.batch.samples_per_step = 1 + random.Below(40);
  draft.batch.num_micro_batches = 1 + random.Below(3);
  draft.batch.num_chunks = 1 + random.Below(3);
  draft.batch.num_steps = random.Below(2) * random.Below(100);
  draft.batch.assignment = static_cast<AssignmentPolicy>(random.Below(3));
  draft.seed = random.Next();
  draft.protocol = static_cast<DispatchProtocol>(random.Below(3));
  draft.gate_weights = static_cast<GateWeights>(random.Below(2));
  draft.model.layer_group_of_layer.assign(1 + random.Below(4), 0);
  draft.model.hidden_size = 1 + random.Below(64);
  draft.model.activation_bytes = random.Below(2) == 0 ? 2 : 4;
  draft.model.expert_weight_bytes = random.Below(10000);
  draft.model.expert_gradient_bytes = random.Below(10000);
  draft.model.expert_master_bytes = random.Below(10000);
  draft.model.expert_moment_bytes = random.Below(10000);
  draft.model.row_alignment = 1 + random.Below(9);
  draft.model.recompute_experts = random.Below(2) == 1;
  draft.allow_noncausal = random.Below(2) == 1;
  draft.allow_unverified_tokens = random.Below(2) == 1;
  if (random.Below(3) == 0) draft.continues = Continues{Sha256("earlier"), random.Below(1000)};
  return draft;
}

}  // namespace testing
}  // namespace grouter
