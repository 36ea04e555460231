#include "proto/codec.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "io/error.h"
#include "proto/status.h"

namespace grouter {
namespace {

constexpr uint32_t kMaxRanksPerNode = 1 << 16;

// Gathers the violations of one message, so that a caller learns all of them at once.
class Violations {
 public:
  void Add(std::string field, std::string problem) {
    list_.push_back({std::move(field), std::move(problem)});
  }
  void Require(bool holds, const std::string& field, const char* problem) {
    if (!holds) Add(field, problem);
  }
  Digest ReadDigest(const std::string& hex, const std::string& field) {
    const absl::StatusOr<Digest> digest = Digest::FromHex(hex);
    if (!digest.ok()) Add(field, "must be a digest of 64 hexadecimal digits");
    return digest.ok() ? *digest : Digest();
  }
  absl::Status status() const { return list_.empty() ? absl::OkStatus() : BadRequest(list_); }

 private:
  std::vector<FieldViolation> list_;
};

// Wire enums have an UNSPECIFIED 0 before the plain ones.
template <typename Plain, typename Wire>
Plain ReadEnum(Wire value, int num_values, const std::string& field, Violations* violations) {
  const int plain = static_cast<int>(value) - 1;
  if (plain < 0 || plain >= num_values) {
    violations->Add(field, "must be one of its named values");
    return Plain{};
  }
  return static_cast<Plain>(plain);
}

template <typename Wire, typename Plain>
Wire WriteEnum(Plain value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

void Write(const Link& link, v1::Link* wire) {
  wire->set_bytes_per_second(link.bytes_per_second);
  wire->set_latency_ns(link.latency_ns);
}

Link Read(const v1::Link& wire) { return {wire.bytes_per_second(), wire.latency_ns()}; }

void Write(const TopologyNode& node, v1::TopologyNode* wire) {
  wire->set_name(node.name);
  wire->set_num_ranks(node.num_ranks);
  Write(node.scale_up, wire->mutable_scale_up());
  Write(node.scale_out, wire->mutable_scale_out());
  wire->set_flops_per_second(node.flops_per_second);
  wire->set_memory_bytes(node.memory_bytes);
}

TopologyNode Read(const v1::TopologyNode& wire, const std::string& path, Violations* violations) {
  TopologyNode node;
  node.name = wire.name();
  node.num_ranks = wire.num_ranks();
  node.scale_up = Read(wire.scale_up());
  node.scale_out = Read(wire.scale_out());
  node.flops_per_second = wire.flops_per_second();
  node.memory_bytes = wire.memory_bytes();
  violations->Require(node.num_ranks > 0 && node.num_ranks <= kMaxRanksPerNode, path + ".num_ranks",
                      "must be 1 to 65536");
  return node;
}

void Write(const TableUse& use, v1::TableUse* wire) {
  wire->set_table_digest(use.table.Hex());
  wire->set_sample_index_digest(use.sample_index.Hex());
  wire->set_split(use.split);
  wire->set_weight(use.weight);
  wire->set_missing_routes(WriteEnum<v1::MissingRoutes>(use.missing_routes));
}

TableUse Read(const v1::TableUse& wire, const std::string& path, Violations* violations) {
  TableUse use;
  use.table = violations->ReadDigest(wire.table_digest(), path + ".table_digest");
  use.sample_index = violations->ReadDigest(wire.sample_index_digest(), path + ".sample_index_digest");
  use.split = wire.split();
  use.weight = wire.weight();
  use.missing_routes =
      ReadEnum<MissingRoutes>(wire.missing_routes(), 2, path + ".missing_routes", violations);
  violations->Require(use.weight > 0, path + ".weight", "must be greater than 0");
  return use;
}

void Write(const ModelShape& model, v1::ModelShape* wire) {
  for (const uint32_t group : model.layer_group_of_layer) wire->add_layer_group_of_layer(group);
  wire->set_hidden_size(model.hidden_size);
  wire->set_activation_bytes(model.activation_bytes);
  wire->set_expert_weight_bytes(model.expert_weight_bytes);
  wire->set_expert_gradient_bytes(model.expert_gradient_bytes);
  wire->set_expert_master_bytes(model.expert_master_bytes);
  wire->set_expert_moment_bytes(model.expert_moment_bytes);
  wire->set_row_alignment(model.row_alignment);
  wire->set_recompute_experts(model.recompute_experts);
  wire->set_num_slots_per_rank(model.num_slots_per_rank);
  wire->set_num_resident_experts(model.num_resident_experts);
}

ModelShape Read(const v1::ModelShape& wire) {
  ModelShape model;
  model.layer_group_of_layer.assign(wire.layer_group_of_layer().begin(), wire.layer_group_of_layer().end());
  model.hidden_size = wire.hidden_size();
  model.activation_bytes = wire.activation_bytes();
  model.expert_weight_bytes = wire.expert_weight_bytes();
  model.expert_gradient_bytes = wire.expert_gradient_bytes();
  model.expert_master_bytes = wire.expert_master_bytes();
  model.expert_moment_bytes = wire.expert_moment_bytes();
  model.row_alignment = wire.row_alignment();
  model.recompute_experts = wire.recompute_experts();
  model.num_slots_per_rank = wire.num_slots_per_rank();
  model.num_resident_experts = wire.num_resident_experts();
  return model;
}

JobDraft Read(const v1::JobDraft& wire, const std::string& path, Violations* violations) {
  JobDraft draft;
  draft.planner_version = wire.planner_version();
  for (int i = 0; i < wire.tables_size(); ++i) {
    draft.tables.push_back(Read(wire.tables(i), absl::StrCat(path, ".tables[", i, "]"), violations));
  }
  violations->Require(wire.tables_size() > 0, path + ".tables", "must name at least one table");
  for (int i = 0; i < wire.topology().nodes_size(); ++i) {
    const std::string node = absl::StrCat(path, ".topology.nodes[", i, "]");
    draft.topology.nodes.push_back(Read(wire.topology().nodes(i), node, violations));
  }
  violations->Require(wire.topology().nodes_size() > 0, path + ".topology.nodes",
                      "must have at least one node");
  draft.ep_size = wire.ep_size();
  const v1::BatchShape& batch = wire.batch();
  draft.batch.samples_per_step = batch.samples_per_step();
  draft.batch.num_micro_batches = batch.num_micro_batches();
  draft.batch.num_chunks = batch.num_chunks();
  draft.batch.num_steps = batch.num_steps();
  draft.batch.assignment =
      ReadEnum<AssignmentPolicy>(batch.assignment(), 3, path + ".batch.assignment", violations);
  if (batch.has_composition()) {
    BatchComposition composition;
    composition.window_samples = batch.composition().window_samples();
    composition.batch_samples = batch.composition().batch_samples();
    composition.domain_slack = batch.composition().domain_slack();
    composition.iterations = batch.composition().iterations();
    draft.batch.composition = composition;
  }
  draft.seed = wire.seed();
  draft.protocol = ReadEnum<DispatchProtocol>(wire.protocol(), 3, path + ".protocol", violations);
  draft.gate_weights = ReadEnum<GateWeights>(wire.gate_weights(), 2, path + ".gate_weights", violations);
  draft.model = Read(wire.model());
  draft.allow_noncausal = wire.allow_noncausal();
  draft.allow_unverified_tokens = wire.allow_unverified_tokens();
  if (wire.has_continues()) {
    Continues continues;
    continues.job = violations->ReadDigest(wire.continues().job_digest(), path + ".continues.job_digest");
    continues.consumed_samples = wire.continues().consumed_samples();
    draft.continues = continues;
  }
  return draft;
}

SlotRef Read(const v1::SlotRef& wire) { return {wire.rank(), wire.slot()}; }

v1::Causality WriteCausality(Causality causality) { return WriteEnum<v1::Causality>(causality); }

const char* NameOf(WeightType type) {
  switch (type) {
    case WeightType::kNone:
      return "none";
    case WeightType::kFloat32:
      return "float32";
    case WeightType::kBFloat16:
      return "bfloat16";
    case WeightType::kFloat16:
      return "float16";
  }
  return "unknown";
}

}  // namespace

v1::Topology ToWire(const Topology& topology) {
  v1::Topology wire;
  for (const TopologyNode& node : topology.nodes) Write(node, wire.add_nodes());
  return wire;
}

v1::JobDraft ToWire(const JobDraft& draft) {
  v1::JobDraft wire;
  wire.set_planner_version(draft.planner_version);
  for (const TableUse& use : draft.tables) Write(use, wire.add_tables());
  *wire.mutable_topology() = ToWire(draft.topology);
  wire.set_ep_size(draft.ep_size);
  v1::BatchShape* batch = wire.mutable_batch();
  batch->set_samples_per_step(draft.batch.samples_per_step);
  batch->set_num_micro_batches(draft.batch.num_micro_batches);
  batch->set_num_chunks(draft.batch.num_chunks);
  batch->set_num_steps(draft.batch.num_steps);
  batch->set_assignment(WriteEnum<v1::AssignmentPolicy>(draft.batch.assignment));
  if (draft.batch.composition.has_value()) {
    v1::BatchComposition* composition = batch->mutable_composition();
    composition->set_window_samples(draft.batch.composition->window_samples);
    composition->set_batch_samples(draft.batch.composition->batch_samples);
    composition->set_domain_slack(draft.batch.composition->domain_slack);
    composition->set_iterations(draft.batch.composition->iterations);
  }
  wire.set_seed(draft.seed);
  wire.set_protocol(WriteEnum<v1::DispatchProtocol>(draft.protocol));
  wire.set_gate_weights(WriteEnum<v1::GateWeights>(draft.gate_weights));
  Write(draft.model, wire.mutable_model());
  wire.set_allow_noncausal(draft.allow_noncausal);
  wire.set_allow_unverified_tokens(draft.allow_unverified_tokens);
  if (draft.continues.has_value()) {
    wire.mutable_continues()->set_job_digest(draft.continues->job.Hex());
    wire.mutable_continues()->set_consumed_samples(draft.continues->consumed_samples);
  }
  return wire;
}

v1::JobSpec ToWire(const JobSpec& spec) {
  v1::JobSpec wire;
  *wire.mutable_draft() = ToWire(spec.draft);
  wire.set_schedule_digest(spec.schedule.Hex());
  return wire;
}

v1::LayerPlacement ToWire(const LayerPlacement& placement) {
  v1::LayerPlacement wire;
  wire.set_num_experts(placement.num_experts());
  for (uint32_t rank = 0; rank < placement.ep_size(); ++rank) {
    v1::RankSlots* slots = wire.add_ranks();
    for (uint32_t slot = 0; slot < placement.num_slots(rank); ++slot) {
      slots->add_experts(placement.ExpertAt({rank, slot}));
    }
  }
  return wire;
}

v1::PlacementEpoch ToWire(const PlacementEpoch& epoch, uint32_t index, uint64_t end_step) {
  v1::PlacementEpoch wire;
  wire.set_index(index);
  wire.set_first_step(epoch.first_step);
  if (end_step > 0) wire.set_end_step(end_step);
  for (const LayerPlacement& placement : epoch.placement) *wire.add_layer_groups() = ToWire(placement);
  for (const ExpertMove& move : epoch.moves) {
    v1::ExpertMove* out = wire.add_moves();
    out->set_layer_group(move.layer_group);
    out->set_expert(move.expert);
    out->mutable_from()->set_rank(move.from.rank);
    out->mutable_from()->set_slot(move.from.slot);
    out->mutable_to()->set_rank(move.to.rank);
    out->mutable_to()->set_slot(move.to.slot);
  }
  return wire;
}

v1::TableInfo ToWire(const RoutingTable& table) {
  const TableHeader& header = table.header();
  v1::TableInfo wire;
  wire.set_digest(table.content_digest().Hex());
  wire.set_num_experts(header.num_experts);
  wire.set_k(header.k);
  wire.set_per_token_k(header.per_token_k);
  wire.set_num_layer_groups(header.num_layer_groups);
  wire.set_weight_type(NameOf(header.weight_type));
  wire.set_tier(table.tier() == TableTier::kPlain ? "plain" : "packed");
  wire.set_causality(WriteCausality(header.causality));
  wire.set_cross_document(header.cross_document);
  wire.set_num_samples(table.num_samples());
  wire.set_num_tokens(table.num_tokens());
  wire.set_stored_bytes(table.stored_bytes());
  wire.set_sample_index_digest(DigestToWire(header.sample_index_digest));
  wire.set_router_digest(DigestToWire(header.router_digest));
  wire.set_tokenizer_digest(DigestToWire(header.tokenizer_digest));
  for (const DataSplit& split : header.splits) {
    v1::DataSplit* out = wire.add_splits();
    out->set_name(split.name);
    out->set_first_sample(split.first_sample);
    out->set_num_samples(split.num_samples);
    out->set_num_tokens(split.num_tokens);
    out->set_num_loss_tokens(split.num_loss_tokens);
  }
  return wire;
}

absl::StatusOr<JobDraft> FromWire(const v1::JobDraft& wire, const std::string& path) {
  Violations violations;
  JobDraft draft = Read(wire, path, &violations);
  GROUTER_RETURN_IF_ERROR(violations.status());
  return draft;
}

absl::StatusOr<JobSpec> FromWire(const v1::JobSpec& wire, const std::string& path) {
  Violations violations;
  JobSpec spec;
  spec.draft = Read(wire.draft(), path + ".draft", &violations);
  spec.schedule = violations.ReadDigest(wire.schedule_digest(), path + ".schedule_digest");
  GROUTER_RETURN_IF_ERROR(violations.status());
  return spec;
}

absl::StatusOr<PlacementEpoch> FromWire(const v1::PlacementEpoch& wire) {
  PlacementEpoch epoch;
  epoch.first_step = wire.first_step();
  for (const v1::LayerPlacement& layer : wire.layer_groups()) {
    std::vector<std::vector<uint32_t>> slots;
    for (const v1::RankSlots& rank : layer.ranks())
      slots.emplace_back(rank.experts().begin(), rank.experts().end());
    GROUTER_ASSIGN_OR_RETURN(LayerPlacement placement, LayerPlacement::Make(layer.num_experts(), slots));
    epoch.placement.push_back(std::move(placement));
  }
  for (const v1::ExpertMove& move : wire.moves()) {
    epoch.moves.push_back({move.layer_group(), move.expert(), Read(move.from()), Read(move.to())});
  }
  return epoch;
}

absl::StatusOr<Digest> DigestFromWire(const std::string& hex, const std::string& field) {
  Violations violations;
  const Digest digest = violations.ReadDigest(hex, field);
  GROUTER_RETURN_IF_ERROR(violations.status());
  return digest;
}

std::string DigestToWire(const Digest& digest) { return digest.IsZero() ? "" : digest.Hex(); }

absl::Status RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path) {
  const auto* reflection = message.GetReflection();
  const auto& unknown = reflection->GetUnknownFields(message);
  if (!unknown.empty()) {
    return BadRequest({{path, absl::StrCat("has field number ", unknown.field(0).number(),
                                           ", which this server does not know; upgrade the server")}});
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = absl::StrCat(path, ".", field->name());
    if (!field->is_repeated()) {
      GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(reflection->GetMessage(message, field), name));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(reflection->GetRepeatedMessage(message, field, i),
                                                  absl::StrCat(name, "[", i, "]")));
    }
  }
  return absl::OkStatus();
}

}  // namespace grouter
