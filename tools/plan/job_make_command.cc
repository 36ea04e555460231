#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/file.h"
#include "routing/planning/job.h"
#include "routing/table/routing_table.h"
#include "tools/plan/commands.h"
#include "trainer/model/model_config.h"

namespace grouter {
namespace {

struct Options {
  std::vector<std::string> tables;
  std::string split = "train", model, topology, out, protocol = "once_per_rank", gate_weights = "stored";
  std::string assignment = "transport";
  uint32_t nodes = 1, ranks_per_node = 1;
  uint32_t compose_steps = 0, domain_slack = 1;
  uint64_t compose_iterations = 20000;
  JobDraft draft;
};

absl::Status ReadTables(const Options& options, JobDraft* draft, uint32_t* num_layer_groups) {
  for (const std::string& path : options.tables) {
    GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(path));
    TableUse use;
    use.table = table->content_digest();
    use.sample_index = table->header().sample_index_digest;
    use.split = options.split;
    draft->tables.push_back(use);
    *num_layer_groups = table->header().num_layer_groups;
  }
  return absl::OkStatus();
}

// What a plan must know of the model: fp32 weights, gradients and two moments of each stored expert.
absl::Status ReadModel(const Options& options, uint32_t num_layer_groups, ModelShape* shape) {
  GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(options.model, 1 << 20));
  GROUTER_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::FromJson(json, options.model));
  if (num_layer_groups != 1 && num_layer_groups != model.num_hidden_layers) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("the table has ", num_layer_groups, " layer groups, the model ",
                              model.num_hidden_layers, " MoE layers"),
                 options.model, "give a table of one group, or of one per layer");
  }
  for (uint32_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    shape->layer_group_of_layer.push_back(num_layer_groups == 1 ? 0 : layer);
  }
  const uint64_t bytes = uint64_t{4} * 3 * model.hidden_size * model.moe_intermediate_size;
  shape->hidden_size = model.hidden_size;
  shape->expert_weight_bytes = bytes;
  shape->expert_gradient_bytes = bytes;
  shape->expert_moment_bytes = 2 * bytes;
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  JobDraft draft = options.draft;
  uint32_t num_layer_groups = 1;
  GROUTER_RETURN_IF_ERROR(ReadTables(options, &draft, &num_layer_groups));
  GROUTER_RETURN_IF_ERROR(ReadModel(options, num_layer_groups, &draft.model));
  draft.topology = Topology::Uniform(options.nodes, options.ranks_per_node);
  if (!options.topology.empty()) {
    GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(options.topology, 1 << 20));
    GROUTER_ASSIGN_OR_RETURN(draft.topology, Topology::FromJson(json, options.topology));
  }
  if (draft.ep_size == 0) draft.ep_size = draft.topology.world_size();
  draft.protocol = options.protocol == "copy_per_expert" ? DispatchProtocol::kCopyPerExpert
                   : options.protocol == "once_per_node" ? DispatchProtocol::kOncePerNode
                                                         : DispatchProtocol::kOncePerRank;
  draft.gate_weights = options.gate_weights == "live" ? GateWeights::kLive : GateWeights::kStored;
  draft.batch.assignment = options.assignment == "algorithm1" ? AssignmentPolicy::kAlgorithm1
                           : options.assignment == "in_order" ? AssignmentPolicy::kInOrder
                                                              : AssignmentPolicy::kTransport;
  if (options.compose_steps > 0) {
    BatchComposition composition;
    composition.batch_samples = draft.batch.samples_per_step;
    composition.window_samples = static_cast<uint32_t>(
        std::min<uint64_t>(uint64_t{options.compose_steps} * composition.batch_samples, UINT32_MAX));
    composition.domain_slack = options.domain_slack;
    composition.iterations = options.compose_iterations;
    draft.batch.composition = composition;
  }
  GROUTER_RETURN_IF_ERROR(draft.Validate());
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out, draft.ToJson()));
  terminal.Result(absl::StrCat(options.out, ": draft ", draft.digest().ShortHex(), " for ",
                               draft.topology.world_size(), " ranks\n"),
                  nlohmann::json{{"draft", options.out}, {"digest", draft.digest().Hex()}}.dump());
  return 0;
}

}  // namespace

void AddJobMakeCommand(Command& job) {
  Command& command = job.Add("make", "write a job draft: tables, model, world and batch");
  Options* options = command.Keep(Options());
  JobDraft& draft = options->draft;
  command.Required("--tables", &options->tables, "table folders")
      .Required("--model", &options->model, "config.json of the model to train")
      .Required("--out", &options->out, "job draft to write (JSON)")
      .Option("--split", &options->split, "data split of the tables")
      .Option("--topology", &options->topology, "topology file; else --nodes and --ranks_per_node")
      .Option("--nodes", &options->nodes, "of an even topology")
      .Option("--ranks_per_node", &options->ranks_per_node, "of an even topology")
      .Option("--ep_size", &draft.ep_size, "ranks that hold all experts once; 0: all ranks")
      .Option("--samples_per_step", &draft.batch.samples_per_step, "of the whole world")
      .Option("--micro_batches", &draft.batch.num_micro_batches, "of a step")
      .Option("--chunks", &draft.batch.num_chunks, "of a micro-batch: the unit of overlap")
      .Option("--steps", &draft.batch.num_steps, "0: one pass over the first table's split")
      .Choice("--assignment", &options->assignment, {"transport", "algorithm1", "in_order"},
              "which sample goes to which rank")
      .Choice("--protocol", &options->protocol, {"once_per_rank", "copy_per_expert", "once_per_node"},
              "what dispatch sends")
      .Choice("--gate_weights", &options->gate_weights, {"stored", "live"}, "the table's, or trained gates")
      .Option("--slots_per_rank", &draft.model.num_slots_per_rank,
              "of one layer; 0: just enough, no replicas")
      .Option("--resident_experts", &draft.model.num_resident_experts,
              "stored experts a rank's device holds; 0: all")
      .Option("--seed", &draft.seed, "of the sample order")
      .Option("--compose_steps", &options->compose_steps,
              "steps of a window inside which samples change places so that steps are alike in load; 0: a "
              "uniform shuffle")
      .Option("--compose_domain_slack", &options->domain_slack,
              "samples of one domain that a step may have more or fewer than by the shuffle")
      .Option("--compose_iterations", &options->compose_iterations, "swaps tried per window")
      .Flag("--allow_noncausal", &draft.allow_noncausal, "take tables that look at later tokens")
      .Flag("--allow_unverified_tokens", &draft.allow_unverified_tokens,
            "take tables without token checksums")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
