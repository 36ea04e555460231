#include "routing/planning/job_check.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/batch/memory_model.h"
#include "routing/planning/problems.h"

namespace grouter {
namespace {

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const DataSplit* FindSplit(const TableHeader& header, const std::string& name) {
  for (const DataSplit& split : header.splits) {
    if (split.name == name) return &split;
  }
  return nullptr;
}

bool MayServeCausal(const TableHeader& header) {
  return header.causality == Causality::kCausal ||
         (header.causality == Causality::kCaptured && header.allow_generation_capture);
}

uint64_t CountMissing(const RoutingTable& table, const DataSplit& split) {
  uint64_t whole = 0;
  bool known = true;
  for (uint32_t l = 0; l < table.header().num_layer_groups && known; ++l) {
    const auto statistics = table.Statistics(l);
    known = statistics.ok();
    if (known) whole += statistics->num_missing;
  }
  if (known && whole == 0) return 0;
  uint64_t missing = 0;
  for (uint64_t s = 0; s < split.num_samples; ++s) missing += table.facts(split.first_sample + s).num_missing;
  return missing;
}

void CheckTable(const JobDraft& draft, const TableUse& use, const RoutingTable& table,
                const std::string& path, Problems* problems) {
  const TableHeader& header = table.header();
  if (table.content_digest() != use.table) {
    problems->Add(absl::StrCat(path, " names table ", use.table.ShortHex(), " but ",
                               table.content_digest().ShortHex(), " was given"),
                  "open the table the job names");
  }
  if (header.sample_index_digest != use.sample_index) {
    problems->Add(absl::StrCat(path, " names sample index ", use.sample_index.ShortHex(),
                               " but its table is of ", header.sample_index_digest.ShortHex()),
                  "name the sample index that the table was routed with");
  }
  if (table.tier() != TableTier::kPlain) {
    problems->Add(absl::StrCat(path, " is a packed table"),
                  "run `grouter table unpack TABLE --out FOLDER`, and put FOLDER under a root");
  }
  if (!draft.allow_noncausal && !MayServeCausal(header)) {
    problems->Add(absl::StrCat(path, " is not causal: its routes may have seen later tokens"),
                  "route with a causal router, or set allow_noncausal and accept the leak");
  }
  if (!table.token_crcs_known() && !draft.allow_unverified_tokens) {
    problems->Add(absl::StrCat(path, " does not know its tokens' checksums"),
                  "use a table routed from tokens, or set allow_unverified_tokens");
  }
  if (draft.gate_weights == GateWeights::kStored && header.weight_type == WeightType::kNone) {
    problems->Add(absl::StrCat(path, " stores no gate weights"), "set gate_weights to live");
  }
  for (uint32_t group : draft.model.layer_group_of_layer) {
    if (group < header.num_layer_groups) continue;
    problems->Add(absl::StrCat("model.layer_group_of_layer names group ", group, " but ", path, " has ",
                               header.num_layer_groups),
                  "use the table's layer groups");
    break;
  }
  const DataSplit* split = FindSplit(header, use.split);
  if (split == nullptr || split->num_samples == 0) {
    problems->Add(absl::StrCat(path, " has no samples in a split named ", use.split),
                  "name one of its splits");
    return;
  }
  if (use.missing_routes == MissingRoutes::kRefuse) {
    const uint64_t missing = CountMissing(table, *split);
    if (missing > 0) {
      problems->Add(absl::StrCat(path, " misses the routes of ", missing, " tokens"),
                    "complete the table, or set missing_routes to skip_moe");
    }
  }
}

void CheckEpoch(const JobDraft& draft, const TableHeader& header, const PlacementEpoch& epoch,
                const std::string& path, Problems* problems) {
  if (epoch.placement.size() != header.num_layer_groups) {
    problems->Add(absl::StrCat(path, " places ", epoch.placement.size(), " layer groups, the table has ",
                               header.num_layer_groups),
                  "make the schedule for this table");
    return;
  }
  uint32_t most_slots = 0;
  for (const LayerPlacement& layer : epoch.placement) {
    if (layer.num_experts() != header.num_experts || layer.ep_size() != draft.ep_size) {
      problems->Add(absl::StrCat(path, " places ", layer.num_experts(), " experts on ", layer.ep_size(),
                                 " ranks, the job has ", header.num_experts, " on ", draft.ep_size),
                    "make the schedule for this job");
      return;
    }
    for (uint32_t r = 0; r < layer.ep_size(); ++r) most_slots = std::max(most_slots, layer.num_slots(r));
  }
  if (draft.model.num_slots_per_rank > 0 && most_slots > draft.model.num_slots_per_rank) {
    problems->Add(absl::StrCat(path, " uses ", most_slots, " slots on a rank, the job allows ",
                               draft.model.num_slots_per_rank),
                  "raise model.num_slots_per_rank or make the schedule again");
  }
  for (uint32_t w = 0; w < draft.topology.world_size(); ++w) {
    const TopologyNode& node = draft.topology.nodes[draft.topology.NodeOf(w)];
    const uint64_t needed = ExpertBytes(draft.model, epoch.placement, w % draft.ep_size);
    if (node.memory_bytes == 0 || needed <= node.memory_bytes) continue;
    problems->Add(
        absl::StrCat(path, ": the experts of rank ", w, " take ", needed, " bytes of ", node.memory_bytes),
        "use more ranks, fewer slots, or num_resident_experts");
    return;
  }
}

// Whether a rank's memory holds what its slots must at least: what the job says, or as few as hold all
// experts.
void CheckSlotsFitMemory(const JobDraft& draft, uint32_t num_experts, Problems* problems) {
  if (draft.ep_size == 0) return;
  const ModelShape& model = draft.model;
  const bool resident = model.num_resident_experts > 0;
  const uint64_t slots =
      model.num_slots_per_rank > 0 ? model.num_slots_per_rank : num_experts / draft.ep_size;
  const uint64_t stored = resident ? model.num_resident_experts : slots * model.layer_group_of_layer.size();
  const uint64_t bytes = model.expert_weight_bytes + model.expert_gradient_bytes +
                         (resident ? 0 : model.expert_master_bytes + model.expert_moment_bytes);
  for (const TopologyNode& node : draft.topology.nodes) {
    if (node.memory_bytes == 0 || bytes == 0 || stored <= node.memory_bytes / bytes) continue;
    problems->Add(absl::StrCat("the ", stored, " stored experts of a rank on node ", node.name, " take ",
                               bytes, " bytes each, its memory is ", node.memory_bytes),
                  "use more ranks, fewer slots, or num_resident_experts");
    return;
  }
}

// The order of the samples depends on these, and on the layer groups that are counted.
bool SameComposition(const JobDraft& a, const JobDraft& b) {
  if (a.batch.composition.has_value() != b.batch.composition.has_value()) return false;
  if (!a.batch.composition.has_value()) return true;
  const BatchComposition& x = *a.batch.composition;
  const BatchComposition& y = *b.batch.composition;
  return x.window_samples == y.window_samples && x.batch_samples == y.batch_samples &&
         x.domain_slack == y.domain_slack && x.iterations == y.iterations &&
         a.model.layer_group_of_layer == b.model.layer_group_of_layer;
}

}  // namespace

absl::Status CheckTables(const JobDraft& draft,
                         const std::vector<std::shared_ptr<const RoutingTable>>& tables) {
  if (!HasPlannerVersion(draft.planner_version)) {
    return Error(
        absl::StatusCode::kUnimplemented,
        absl::StrCat("planner version ", draft.planner_version, "; the newest here is ", kPlannerVersion),
        "job", "use a Grouter that has it, or let new jobs name an older version");
  }
  // The draft's own problems and those with its tables are listed together.
  const absl::Status bad_values = draft.Validate();
  if (tables.size() != draft.tables.size() || tables.empty()) {
    GROUTER_RETURN_IF_ERROR(bad_values);
    return Error(kPrecondition, absl::StrCat(tables.size(), " tables for ", draft.tables.size()), "job",
                 "give the tables that the job names, in its order");
  }
  Problems problems;
  problems.Add(bad_values);
  for (size_t i = 0; i < tables.size(); ++i) {
    CheckTable(draft, draft.tables[i], *tables[i], absl::StrCat("tables[", i, "]"), &problems);
    const TableHeader& first = tables[0]->header();
    const TableHeader& header = tables[i]->header();
    if (header.num_experts != first.num_experts || header.num_layer_groups != first.num_layer_groups) {
      problems.Add(
          absl::StrCat("tables[", i, "] has ", header.num_experts, " experts in ", header.num_layer_groups,
                       " layer groups, tables[0] ", first.num_experts, " in ", first.num_layer_groups),
          "blend tables of one router shape");
    }
  }
  const TableHeader& header = tables[0]->header();
  if (header.k > header.num_experts) {
    problems.Add(absl::StrCat("k ", header.k, " is more than ", header.num_experts, " experts"),
                 "fix the table");
  }
  const uint64_t slots = uint64_t{draft.model.num_slots_per_rank} * draft.ep_size;
  if (draft.model.num_slots_per_rank > 0 && slots < header.num_experts) {
    problems.Add(absl::StrCat(slots, " slots for ", header.num_experts, " experts"),
                 "raise model.num_slots_per_rank or ep_size");
  }
  CheckSlotsFitMemory(draft, header.num_experts, &problems);
  return problems.ToStatus(bad_values.ok() ? kPrecondition : kInvalid, "job");
}

absl::Status CheckSchedule(const JobSpec& spec, const RoutingTable& table,
                           const PlacementSchedule& schedule) {
  Problems mismatch;
  if (schedule.draft != spec.draft.digest()) {
    mismatch.Add(absl::StrCat("the schedule is for draft ", schedule.draft.ShortHex(), ", the job's is ",
                              spec.draft.digest().ShortHex()),
                 "make a schedule for this draft: `grouter place`");
  }
  if (schedule.digest() != spec.schedule) {
    mismatch.Add(absl::StrCat("the job names schedule ", spec.schedule.ShortHex(), " but ",
                              schedule.digest().ShortHex(), " was given"),
                 "give the schedule the job names");
  }
  if (schedule.epochs.empty()) mismatch.Add("the schedule has no epochs", "make it again");
  GROUTER_RETURN_IF_ERROR(mismatch.ToStatus(kInvalid, "job"));
  Problems problems;
  for (size_t i = 0; i < schedule.epochs.size(); ++i) {
    CheckEpoch(spec.draft, table.header(), schedule.epochs[i], absl::StrCat("placement epoch ", i),
               &problems);
  }
  return problems.ToStatus(kPrecondition, "job");
}

absl::Status CheckContinues(const JobSpec& previous, const JobDraft& next) {
  Problems problems;
  if (!next.continues.has_value() || next.continues->job != previous.digest()) {
    problems.Add("the draft does not name the job it continues", "set continues.job to its digest");
  }
  if (next.seed != previous.draft.seed) problems.Add("another seed", "keep the seed of the first job");
  bool same = next.tables.size() == previous.draft.tables.size();
  for (size_t i = 0; same && i < next.tables.size(); ++i) {
    const TableUse& a = next.tables[i];
    const TableUse& b = previous.draft.tables[i];
    same =
        a.table == b.table && a.split == b.split && a.weight == b.weight && a.sample_index == b.sample_index;
  }
  if (!same) problems.Add("another blend of tables", "keep tables, splits and weights in their order");
  if (!SameComposition(previous.draft, next)) {
    problems.Add("another batch composition", "keep all of batch.composition, batch_samples too");
  }
  return problems.ToStatus(kInvalid, "continues");
}

}  // namespace grouter
