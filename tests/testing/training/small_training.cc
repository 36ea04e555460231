#include "tests/testing/training/small_training.h"

#include <algorithm>
#include <utility>

#include "client/local_plan_source.h"
#include "data/sample_index_builder.h"
#include "io/error.h"
#include "io/random.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "tests/testing/tables/random_table.h"
#include "tests/testing/training/ranks.h"
#include "trainer/experts/matmul.h"

namespace grouter {
namespace testing {
namespace {

// Dies if it is not OK: what a test is built on must be there.
template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) CheckFailed(value.status().ToString().c_str(), __FILE__, __LINE__);
  return *std::move(value);
}
void Must(const absl::Status& status) {
  if (!status.ok()) CheckFailed(status.ToString().c_str(), __FILE__, __LINE__);
}

}  // namespace

SmallTraining::SmallTraining(std::string folder, const SmallTrainingOptions& options)
    : folder_(std::move(folder)), options_(options) {
  FileSystem& files = FileSystem::Local();
  Must(files.RemoveTree(folder_));
  Must(files.MakeFolders(folder_));
  // Each token is mostly a function of the one before; id 0 ends a document.
  Random random(options.seed);
  const std::string prefix = JoinPath(folder_, "tokens");
  IndexedDatasetWriter writer = Must(IndexedDatasetWriter::Create(files, prefix, TokenType::kUint16));
  for (uint32_t d = 0; d < options.num_documents; ++d) {
    std::vector<uint32_t> ids(2 + random.Below(options.longest_document - 1));
    ids[0] = static_cast<uint32_t>(1 + random.Below(options.vocab_size - 1));
    for (size_t i = 1; i < ids.size(); ++i) {
      const uint64_t next = random.Below(8) == 0 ? random.Next() : ids[i - 1] * 7 + 3;
      ids[i] = static_cast<uint32_t>(1 + next % (options.vocab_size - 1));
    }
    ids.push_back(0);
    Must(writer.AddSequence(ids));
    writer.EndDocument();
  }
  Must(writer.Finish());
  dataset_ = Must(IndexedDataset::Open(prefix));
  SampleIndexOptions index;
  index.rules.packing = options.one_document_samples ? SampleIndexRules::Packing::kOneDocument
                                                     : SampleIndexRules::Packing::kPacked;
  index.rules.sequence_length = options.sequence_length;
  index.rules.cross_document = options.cross_document;
  index.rules.eod_token = 0;
  index.splits = {{"train", 80}, {"valid", 20}};
  index_ = Must(BuildSampleIndex(*dataset_, nullptr, index));
  Must(index_->Save(JoinPath(folder_, "samples.gsi")));

  RandomTableOptions routes;
  routes.header.num_experts = options.num_experts;
  routes.header.k = options.k;
  routes.header.per_token_k = options.per_token_k;
  routes.header.num_layer_groups = options.num_layer_groups;
  routes.header.weight_type = options.weight_type;
  routes.header.cross_document = options.cross_document;
  routes.header.eod_token = 0;
  routes.missing = options.missing_routes;
  routes.seed = options.seed;
  routes.skew = 1;
  for (uint64_t s = 0; s < index_->num_samples(); ++s) routes.lengths.push_back(index_->sample(s).length);
  TableBuilderOptions builder;
  builder.path = JoinPath(folder_, "table");
  builder.header = routes.header;
  builder.index = index_;
  auto table = Must(TableBuilder::Create(builder));
  for (uint64_t s = 0; s < index_->num_samples(); ++s) {
    std::vector<RouteBuffer> buffers;
    std::vector<RouteView> views;
    for (uint32_t g = 0; g < options.num_layer_groups; ++g) buffers.push_back(RandomRoutes(routes, s, g));
    for (const RouteBuffer& buffer : buffers) views.push_back(buffer.view());
    Must(table->AddSample(views));
  }
  Must(table->Finish().status());
  Must(FinishTable(builder.path).status());
  table_ = Must(RoutingTable::Open(builder.path));
}

std::shared_ptr<const BatchPlanner> SmallTraining::Planner(const JobOptions& options,
                                                           const std::string& split) const {
  JobDraft draft;
  TableUse use;
  use.table = table_->content_digest();
  use.sample_index = index_->digest();
  use.split = split;
  if (options_.missing_routes > 0) use.missing_routes = MissingRoutes::kSkipMoe;
  draft.tables = {use};
  draft.topology = Topology::Uniform(1, options.world_size);
  if (!options.ranks_of_nodes.empty()) {
    draft.topology = Topology::Uniform(static_cast<uint32_t>(options.ranks_of_nodes.size()), 1);
    for (size_t n = 0; n < options.ranks_of_nodes.size(); ++n) {
      draft.topology.nodes[n].num_ranks = options.ranks_of_nodes[n];
    }
  }
  draft.ep_size = options.ep_size;
  draft.batch.samples_per_step = options.samples_per_step;
  draft.batch.num_micro_batches = options.num_micro_batches;
  draft.batch.num_chunks = options.num_chunks;
  draft.batch.num_steps = split == "train" ? options.num_steps : 0;
  draft.batch.assignment = options.assignment;
  draft.seed = options.seed;
  draft.protocol = options.protocol;
  draft.gate_weights = options.gate_weights;
  draft.model.hidden_size = options_.hidden_size;
  for (uint32_t l = 0; l < options_.num_layers; ++l) {
    draft.model.layer_group_of_layer.push_back(l % options_.num_layer_groups);
  }
  const uint32_t owned = (options_.num_experts + options.ep_size - 1) / options.ep_size;
  draft.model.num_slots_per_rank = owned + options.replicas;
  auto schedule = std::make_shared<PlacementSchedule>();
  schedule->draft = draft.digest();
  const auto add_epoch = [&](uint64_t first_step, bool reversed) {
    PlacementEpoch epoch;
    epoch.first_step = first_step;
    const LayerPlacement plain = LayerPlacement::Contiguous(options_.num_experts, options.ep_size);
    for (uint32_t g = 0; g < options_.num_layer_groups; ++g) {
      std::vector<std::vector<uint32_t>> slots(options.ep_size);
      for (uint32_t r = 0; r < options.ep_size; ++r) {
        for (uint32_t s = 0; s < plain.num_slots(r); ++s) {
          const uint32_t expert = plain.ExpertAt({r, s});
          slots[r].push_back(reversed ? options_.num_experts - 1 - expert : expert);
        }
        for (uint32_t i = 0; i < options.replicas; ++i) {
          const uint32_t expert = (slots[r][0] + plain.num_slots(r) + g + i) % options_.num_experts;
          const bool there = std::find(slots[r].begin(), slots[r].end(), expert) != slots[r].end();
          slots[r].push_back(there ? kEmptySlot : expert);
        }
      }
      epoch.placement.push_back(Must(LayerPlacement::Make(options_.num_experts, slots)));
    }
    // Whoever gets an expert it did not have gets it from the owner before.
    for (uint32_t g = 0; first_step > 0 && g < options_.num_layer_groups; ++g) {
      const LayerPlacement& before = schedule->epochs.back().placement[g];
      for (uint32_t e = 0; e < options_.num_experts; ++e) {
        for (SlotRef slot : epoch.placement[g].SlotsOf(e)) {
          if (slot.slot >= before.num_slots(slot.rank) || before.ExpertAt(slot) != e) {
            epoch.moves.push_back({g, e, before.OwnerOf(e), slot});
          }
        }
      }
    }
    schedule->epochs.push_back(std::move(epoch));
  };
  add_epoch(0, false);
  if (split == "train" && options.second_epoch_step > 0) add_epoch(options.second_epoch_step, true);
  JobSpec spec;
  spec.draft = draft;
  spec.schedule = schedule->digest();
  return Must(BatchPlanner::Create(spec, {table_}, schedule));
}

MakePlanSource SmallTraining::PlanSources(const JobOptions& options) const {
  const auto train = Planner(options, "train");
  const auto valid = Planner(options, "valid");
  return [train, valid](const PlansConfig& plans, uint32_t rank) {
    return MakeLocalPlanSource(plans.job == "valid" ? valid : train, rank);
  };
}

TrainerConfig SmallTraining::LearnedConfig(const std::string& name) const {
  TrainerConfig config;
  config.mode = RoutingMode::kLearned;
  config.model.vocab_size = options_.vocab_size;
  config.model.hidden_size = options_.hidden_size;
  config.model.num_hidden_layers = options_.num_layers;
  config.model.num_attention_heads = options_.num_attention_heads;
  config.model.moe_intermediate_size = options_.moe_intermediate_size;
  config.model.num_experts = options_.num_experts;
  config.model.num_experts_per_tok = options_.k;
  config.model.max_position_embeddings = std::max<uint32_t>(64, options_.sequence_length);
  config.model.rope_theta = 10000;
  config.datasets = {{JoinPath(folder_, "tokens"), JoinPath(folder_, "samples.gsi")}};
  config.batch.samples_per_step = 6;
  config.optimizer.learning_rate = 1e-2;
  config.optimizer.warmup_steps = 2;
  config.num_steps = 4;
  config.out = JoinPath(folder_, name);
  config.collective_timeout = std::chrono::seconds(20);
  return config;
}

TrainerConfig SmallTraining::Config(const std::string& name, const JobOptions& options) const {
  TrainerConfig config = LearnedConfig(name);
  config.mode = RoutingMode::kPlan;
  config.train.job = "train";
  config.valid.job = "valid";
  config.num_steps = options.num_steps;
  return config;
}

std::vector<absl::StatusOr<TrainingSummary>> RunRanks(const TrainerConfig& config, uint32_t world_size,
                                                      const MakePlanSource& sources,
                                                      const std::vector<TrainingHooks>& hooks) {
  SetNumMatMulThreads(1);  // ranks are threads already
  std::vector<absl::StatusOr<TrainingSummary>> results(world_size, absl::UnknownError("not run"));
  SpawnRanks(
      world_size,
      [&](Collectives& world) {
        const uint32_t rank = world.rank();
        results[rank] = RunTraining(config, world, sources, hooks.empty() ? TrainingHooks() : hooks[rank]);
      },
      config.collective_timeout);
  return results;
}

}  // namespace testing
}  // namespace grouter
