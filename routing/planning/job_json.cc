// The form of a job that people write.
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/job.h"
#include "routing/planning/json_fields.h"
#include "routing/planning/topology_json.h"

namespace grouter {
namespace {

const std::vector<std::string>& MissingNames() {
  static const auto* names = new std::vector<std::string>{"refuse", "skip_moe"};
  return *names;
}
const std::vector<std::string>& ProtocolNames() {
  static const auto* names =
      new std::vector<std::string>{"once_per_rank", "copy_per_expert", "once_per_node"};
  return *names;
}
const std::vector<std::string>& GateNames() {
  static const auto* names = new std::vector<std::string>{"stored", "live"};
  return *names;
}
const std::vector<std::string>& AssignmentNames() {
  static const auto* names = new std::vector<std::string>{"transport", "algorithm1", "in_order"};
  return *names;
}
template <typename Enum>
const std::string& NameOf(Enum value, const std::vector<std::string>& names) {
  return names[static_cast<size_t>(value)];
}

void ReadTables(JsonFields* fields, JobDraft* draft, Problems* problems) {
  const Json* list = fields->Child("tables", /*required=*/true);
  if (list == nullptr) return;
  size_t index = 0;
  for (const Json& item : *list) {
    TableUse use;
    {
      JsonFields table(item, absl::StrCat("tables[", index++, "]"), problems);
      table.Read("table", &use.table, /*required=*/true);
      table.Read("sample_index", &use.sample_index, /*required=*/true);
      table.Read("split", &use.split);
      table.Read("weight", &use.weight);
      table.ReadEnum("missing_routes", MissingNames(), &use.missing_routes);
    }
    draft->tables.push_back(std::move(use));
  }
}

void ReadBatch(const Json& json, BatchShape* batch, Problems* problems) {
  JsonFields fields(json, "batch", problems);
  fields.Read("samples_per_step", &batch->samples_per_step, /*required=*/true);
  fields.Read("num_micro_batches", &batch->num_micro_batches);
  fields.Read("num_chunks", &batch->num_chunks);
  fields.Read("num_steps", &batch->num_steps);
  fields.ReadEnum("assignment", AssignmentNames(), &batch->assignment);
  if (const Json* inner = fields.Child("composition")) {
    BatchComposition composition;
    JsonFields window(*inner, "batch.composition", problems);
    window.Read("window_samples", &composition.window_samples, /*required=*/true);
    window.Read("batch_samples", &composition.batch_samples, /*required=*/true);
    window.Read("domain_slack", &composition.domain_slack, /*required=*/true);
    window.Read("iterations", &composition.iterations, /*required=*/true);
    batch->composition = composition;
  }
}

void ReadModel(const Json& json, ModelShape* model, Problems* problems) {
  JsonFields fields(json, "model", problems);
  fields.Read("layer_group_of_layer", &model->layer_group_of_layer, /*required=*/true);
  fields.Read("hidden_size", &model->hidden_size, /*required=*/true);
  fields.Read("activation_bytes", &model->activation_bytes);
  fields.Read("expert_weight_bytes", &model->expert_weight_bytes);
  fields.Read("expert_gradient_bytes", &model->expert_gradient_bytes);
  fields.Read("expert_master_bytes", &model->expert_master_bytes);
  fields.Read("expert_moment_bytes", &model->expert_moment_bytes);
  fields.Read("row_alignment", &model->row_alignment);
  fields.Read("recompute_experts", &model->recompute_experts);
  fields.Read("num_slots_per_rank", &model->num_slots_per_rank);
  fields.Read("num_resident_experts", &model->num_resident_experts);
}

// The fields of a draft inside `fields`, an object that may hold more (a spec's schedule).
void ReadDraft(JsonFields* fields, JobDraft* draft, Problems* problems) {
  fields->Read("planner_version", &draft->planner_version);
  ReadTables(fields, draft, problems);
  if (const Json* json = fields->Child("topology", true)) {
    ReadTopology(*json, "topology", &draft->topology, problems);
  }
  fields->Read("ep_size", &draft->ep_size, /*required=*/true);
  if (const Json* json = fields->Child("batch", true)) ReadBatch(*json, &draft->batch, problems);
  fields->Read("seed", &draft->seed);
  fields->ReadEnum("protocol", ProtocolNames(), &draft->protocol);
  fields->ReadEnum("gate_weights", GateNames(), &draft->gate_weights);
  if (const Json* json = fields->Child("model", true)) ReadModel(*json, &draft->model, problems);
  fields->Read("allow_noncausal", &draft->allow_noncausal);
  fields->Read("allow_unverified_tokens", &draft->allow_unverified_tokens);
  if (const Json* json = fields->Child("continues")) {
    Continues continues;
    JsonFields inner(*json, "continues", problems);
    inner.Read("job", &continues.job, /*required=*/true);
    inner.Read("consumed_samples", &continues.consumed_samples, /*required=*/true);
    draft->continues = continues;
  }
}

Json DraftToJson(const JobDraft& draft) {
  Json tables = Json::array();
  for (const TableUse& use : draft.tables) {
    tables.push_back(Json{{"table", use.table.Hex()},
                          {"sample_index", use.sample_index.Hex()},
                          {"split", use.split},
                          {"weight", use.weight},
                          {"missing_routes", NameOf(use.missing_routes, MissingNames())}});
  }
  const ModelShape& model = draft.model;
  Json json{
      {"planner_version", draft.planner_version},
      {"tables", std::move(tables)},
      {"topology", TopologyToJson(draft.topology)},
      {"ep_size", draft.ep_size},
      {"batch", Json{{"samples_per_step", draft.batch.samples_per_step},
                     {"num_micro_batches", draft.batch.num_micro_batches},
                     {"num_chunks", draft.batch.num_chunks},
                     {"num_steps", draft.batch.num_steps},
                     {"assignment", NameOf(draft.batch.assignment, AssignmentNames())}}},
      {"seed", draft.seed},
      {"protocol", NameOf(draft.protocol, ProtocolNames())},
      {"gate_weights", NameOf(draft.gate_weights, GateNames())},
      {"model", Json{{"layer_group_of_layer", model.layer_group_of_layer},
                     {"hidden_size", model.hidden_size},
                     {"activation_bytes", model.activation_bytes},
                     {"expert_weight_bytes", model.expert_weight_bytes},
                     {"expert_gradient_bytes", model.expert_gradient_bytes},
                     {"expert_master_bytes", model.expert_master_bytes},
                     {"expert_moment_bytes", model.expert_moment_bytes},
                     {"row_alignment", model.row_alignment},
                     {"recompute_experts", model.recompute_experts},
                     {"num_slots_per_rank", model.num_slots_per_rank},
                     {"num_resident_experts", model.num_resident_experts}}},
      {"allow_noncausal", draft.allow_noncausal},
      {"allow_unverified_tokens", draft.allow_unverified_tokens},
  };
  if (draft.batch.composition.has_value()) {
    const BatchComposition& composition = *draft.batch.composition;
    json["batch"]["composition"] = Json{{"window_samples", composition.window_samples},
                                        {"batch_samples", composition.batch_samples},
                                        {"domain_slack", composition.domain_slack},
                                        {"iterations", composition.iterations}};
  }
  if (draft.continues.has_value()) {
    json["continues"] =
        Json{{"job", draft.continues->job.Hex()}, {"consumed_samples", draft.continues->consumed_samples}};
  }
  return json;
}

std::string Print(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<JobDraft> JobDraft::FromJson(absl::string_view json, absl::string_view where) {
  GROUTER_ASSIGN_OR_RETURN(const Json document, ParseJson(json, where));
  JobDraft draft;
  Problems problems;
  {
    JsonFields fields(document, "", &problems);
    ReadDraft(&fields, &draft, &problems);
  }
  GROUTER_RETURN_IF_ERROR(problems.ToStatus(absl::StatusCode::kInvalidArgument, where));
  return draft;
}

std::string JobDraft::ToJson() const { return Print(DraftToJson(*this)); }

absl::StatusOr<JobSpec> JobSpec::FromJson(absl::string_view json, absl::string_view where) {
  GROUTER_ASSIGN_OR_RETURN(const Json document, ParseJson(json, where));
  JobSpec spec;
  Problems problems;
  {
    JsonFields fields(document, "", &problems);
    ReadDraft(&fields, &spec.draft, &problems);
    fields.Read("schedule", &spec.schedule, /*required=*/true);
  }
  GROUTER_RETURN_IF_ERROR(problems.ToStatus(absl::StatusCode::kInvalidArgument, where));
  return spec;
}

std::string JobSpec::ToJson() const {
  Json json = DraftToJson(draft);
  json["schedule"] = schedule.Hex();
  return Print(json);
}

}  // namespace grouter
