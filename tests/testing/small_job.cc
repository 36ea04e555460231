#include "tests/testing/small_job.h"

#include <algorithm>
#include <string>
#include <utility>

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
  if (random.Below(3) == 0) {
    BatchComposition composition;
    composition.batch_samples = static_cast<uint32_t>(1 + random.Below(40));
    composition.window_samples = static_cast<uint32_t>(1 + random.Below(5)) * composition.batch_samples;
    composition.domain_slack = static_cast<uint32_t>(random.Below(3));
    composition.iterations = random.Below(200);
    draft.batch.composition = composition;
  }
  return draft;
}

SmallJob MakeJob(const std::vector<FakeTableOptions>& tables, JobDraft draft, uint32_t replicas) {
  SmallJob job;
  draft.tables.resize(tables.size());
  for (size_t t = 0; t < tables.size(); ++t) {
    job.tables.push_back(MakeFakeTable(tables[t]));
    draft.tables[t].table = job.tables[t]->content_digest();
    draft.tables[t].sample_index = job.tables[t]->header().sample_index_digest;
    draft.tables[t].split = "train";
    if (tables[t].missing_share > 0) draft.tables[t].missing_routes = MissingRoutes::kSkipMoe;
    if (tables[t].weight_type == WeightType::kNone) draft.gate_weights = GateWeights::kLive;
    if (tables[t].causality != Causality::kCausal) draft.allow_noncausal = true;
    if (!tables[t].token_crcs_known) draft.allow_unverified_tokens = true;
  }
  if (draft.model.layer_group_of_layer.empty()) {
    for (uint32_t l = 0; l < tables[0].num_layer_groups; ++l) draft.model.layer_group_of_layer.push_back(l);
  }
  if (draft.model.hidden_size == 0) draft.model.hidden_size = 8;
  const uint32_t num_experts = tables[0].num_experts;
  Random random(draft.seed, 5);
  auto schedule = std::make_shared<PlacementSchedule>();
  schedule->draft = draft.digest();
  PlacementEpoch epoch;
  for (uint32_t l = 0; l < tables[0].num_layer_groups; ++l) {
    const LayerPlacement plain = LayerPlacement::Contiguous(num_experts, draft.ep_size);
    std::vector<std::vector<uint32_t>> slots(draft.ep_size);
    for (uint32_t r = 0; r < draft.ep_size; ++r) {
      for (uint32_t s = 0; s < plain.num_slots(r); ++s) slots[r].push_back(plain.ExpertAt(SlotRef{r, s}));
      for (uint32_t i = 0; i < replicas; ++i) {
        const uint32_t expert = static_cast<uint32_t>(random.Below(num_experts));
        bool there = false;
        for (uint32_t e : slots[r]) there = there || e == expert;
        slots[r].push_back(there ? kEmptySlot : expert);
      }
    }
    epoch.placement.push_back(LayerPlacement::Make(num_experts, slots).value());
  }
  schedule->epochs.push_back(std::move(epoch));
  job.spec.draft = std::move(draft);
  job.spec.schedule = schedule->digest();
  job.schedule = std::move(schedule);
  return job;
}

SmallJob RandomJob(uint64_t seed) {
  Random random(seed, 0x72616E64);
  JobDraft draft = RandomDraft(seed);
  draft.continues.reset();
  draft.batch.num_steps = 0;
  draft.batch.samples_per_step = static_cast<uint32_t>(1 + random.Below(30));
  FakeTableOptions table;
  table.seed = seed + 1;
  table.num_experts = random.Below(8) == 0 ? 300 : static_cast<uint32_t>(2 + random.Below(30));
  table.k = static_cast<uint32_t>(random.Below(std::min<uint64_t>(table.num_experts, 16) + 1));
  table.per_token_k = random.Below(3) == 0;
  table.missing_share = random.Below(3) == 0 ? 0.1 : 0;
  table.num_layer_groups = static_cast<uint32_t>(1 + random.Below(3));
  table.weight_type = static_cast<WeightType>(random.Below(4));
  table.num_samples = 1 + random.Below(60);
  table.shortest = static_cast<uint32_t>(1 + random.Below(10));
  table.longest = table.shortest + static_cast<uint32_t>(random.Below(40));
  for (uint32_t& group : draft.model.layer_group_of_layer) {
    group = static_cast<uint32_t>(random.Below(table.num_layer_groups));
  }
  std::vector<FakeTableOptions> tables(draft.tables.size(), table);
  for (size_t t = 0; t < tables.size(); ++t) {
    tables[t].seed += 100 * t;
    tables[t].num_samples += 7 * t;
  }
  return MakeJob(tables, std::move(draft), static_cast<uint32_t>(random.Below(3)));
}

}  // namespace testing
}  // namespace grouter
