#include "tests/testing/serving/served_job.h"

#include <cstdio>
#include <utility>

#include "client/local_plan_source.h"
#include "io/error.h"
#include "io/file.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace testing {
namespace {

void Must(const absl::Status& status) {
  if (!status.ok()) fprintf(stderr, "%s\n", status.ToString().c_str());
  GROUTER_CHECK(status.ok());
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

LayerPlacement Rotated(uint32_t num_experts, uint32_t ep_size, uint32_t by) {
  const LayerPlacement plain = LayerPlacement::Contiguous(num_experts, ep_size);
  std::vector<std::vector<uint32_t>> slots(ep_size);
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (uint32_t s = 0; s < plain.num_slots(r); ++s) {
      slots[r].push_back((plain.ExpertAt({r, s}) + by) % num_experts);
    }
  }
  return Must(LayerPlacement::Make(num_experts, slots));
}

PlacementSchedule MakeSchedule(const ServedJobOptions& options, const Digest& draft) {
  PlacementSchedule schedule;
  schedule.draft = draft;
  PlacementEpoch first;
  first.placement.assign(options.num_layer_groups, Rotated(options.num_experts, options.ep_size, 0));
  schedule.epochs.push_back(first);
  if (options.second_epoch_at == 0) return schedule;
  PlacementEpoch second;
  second.first_step = options.second_epoch_at;
  second.placement.assign(options.num_layer_groups, Rotated(options.num_experts, options.ep_size, 1));
  for (uint32_t g = 0; g < options.num_layer_groups; ++g) {
    for (uint32_t e = 0; e < options.num_experts; ++e) {
      const SlotRef from = first.placement[g].OwnerOf(e);
      const SlotRef to = second.placement[g].OwnerOf(e);
      if (!(from == to)) second.moves.push_back({g, e, from, to});
    }
  }
  schedule.epochs.push_back(second);
  return schedule;
}

}  // namespace

std::unique_ptr<const BatchPlanner> ServedJob::Planner() const {
  return Must(BatchPlanner::Create(spec, tables, schedule));
}

std::unique_ptr<PlanSource> ServedJob::Local(uint32_t rank) const {
  return Must(MakeLocalPlanSource(spec, tables, schedule, rank));
}

ServedJob MakeServedJob(const ServedJobOptions& options) {
  ServedJob job;
  job.root = NewFolder();
  job.table_path = JoinPath(job.root, "tables/train");
  RandomTableOptions table;
  table.header.num_experts = options.num_experts;
  table.header.k = options.k;
  table.header.id_width = options.num_experts > 256 ? 2 : 1;
  table.header.num_layer_groups = options.num_layer_groups;
  table.header.weight_type = options.weight_type;
  table.lengths.assign(options.num_samples, options.sample_length);
  table.seed = options.seed;
  table.num_shards = 2;
  table.distinct_samples = options.distinct_samples;
  Must(FileSystem::Local().MakeFolders(job.table_path));
  job.tables.push_back(MakeRandomTable(table, job.table_path, *options.table_files));

  JobDraft& draft = job.spec.draft;
  TableUse use;
  use.table = job.tables[0]->content_digest();
  use.sample_index = job.tables[0]->header().sample_index_digest;
  draft.tables.push_back(use);
  draft.topology = Topology::Uniform(options.num_nodes, options.ranks_per_node);
  draft.ep_size = options.ep_size;
  draft.batch.samples_per_step = options.samples_per_step;
  draft.batch.num_micro_batches = options.num_micro_batches;
  draft.batch.num_chunks = options.num_chunks;
  draft.batch.num_steps = options.num_steps;
  draft.seed = options.seed;
  draft.model.hidden_size = 16;
  draft.model.expert_weight_bytes = 1024;
  draft.model.expert_gradient_bytes = 1024;
  draft.model.expert_moment_bytes = 2048;
  for (uint32_t g = 0; g < options.num_layer_groups; ++g) draft.model.layer_group_of_layer.push_back(g);
  job.schedule = std::make_shared<const PlacementSchedule>(MakeSchedule(options, draft.digest()));
  job.spec.schedule = job.schedule->digest();
  Must(
      WriteFileAtomically(FileSystem::Local(), JoinPath(job.root, "train.schedule"), job.schedule->Encode()));
  return job;
}

server::ServerConfig TestConfig(const std::string& root) {
  server::ServerConfig config = DefaultConfig();
  config.add_roots(root);
  config.set_listen(0, "127.0.0.1:0");
  config.mutable_limits()->set_plan_threads(2);
  config.mutable_limits()->set_stream_threads(2);
  config.mutable_limits()->set_max_connections(256);
  config.mutable_timing()->set_drain_delay_ms(0);
  return config;
}

std::unique_ptr<Server> StartServer(const server::ServerConfig& config) {
  return Must(Server::Start(config));
}

std::unique_ptr<Server> StartServer(const std::string& root) { return StartServer(TestConfig(root)); }

std::string StepBytes(PlanSource* source, uint64_t step) { return EncodeStepPart(*Must(source->Step(step))); }

std::string MicroBatchBytes(PlanSource* source, uint64_t step, uint32_t micro_batch) {
  return EncodeMicroBatchPlan(*Must(source->MicroBatch(step, micro_batch))).Flatten();
}

}  // namespace testing
}  // namespace grouter
