#include "routing/planning/job.h"

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "routing/planning/problems.h"

namespace grouter {
namespace {

constexpr uint32_t kDraftMagic = 0x444A5247;  // "GRJD"
constexpr uint32_t kSpecMagic = 0x534A5247;   // "GRJS"
// A job that composes its batches is version 2; any other is encoded as version 1, so that it keeps its name.
constexpr uint32_t kPlainVersion = 1;
constexpr uint32_t kComposedVersion = 2;
constexpr uint64_t kLargestWeight = UINT32_MAX;
constexpr uint32_t kMostChunks = 4096;
constexpr uint32_t kLargestWindow = 65536;
constexpr uint64_t kMostIterations = uint64_t{1} << 32;

void PutLink(const Link& link, ByteWriter* out) {
  out->Put<uint64_t>(link.bytes_per_second);
  out->Put<uint64_t>(link.latency_ns);
}

Link GetLink(ByteReader* in) {
  Link link;
  link.bytes_per_second = in->Get<uint64_t>();
  link.latency_ns = in->Get<uint64_t>();
  return link;
}

void PutDraft(const JobDraft& draft, ByteWriter* out) {
  out->Put<uint32_t>(draft.planner_version);
  out->Put<uint32_t>(static_cast<uint32_t>(draft.tables.size()));
  for (const TableUse& use : draft.tables) {
    out->PutDigest(use.table);
    out->PutDigest(use.sample_index);
    out->PutString(use.split);
    out->Put<uint64_t>(use.weight);
    out->Put<uint8_t>(static_cast<uint8_t>(use.missing_routes));
  }
  out->Put<uint32_t>(static_cast<uint32_t>(draft.topology.nodes.size()));
  for (const TopologyNode& node : draft.topology.nodes) {
    out->PutString(node.name);
    out->Put<uint32_t>(node.num_ranks);
    PutLink(node.scale_up, out);
    PutLink(node.scale_out, out);
    out->Put<uint64_t>(node.flops_per_second);
    out->Put<uint64_t>(node.memory_bytes);
  }
  out->Put<uint32_t>(draft.ep_size);
  out->Put<uint32_t>(draft.batch.samples_per_step);
  out->Put<uint32_t>(draft.batch.num_micro_batches);
  out->Put<uint32_t>(draft.batch.num_chunks);
  out->Put<uint64_t>(draft.batch.num_steps);
  out->Put<uint8_t>(static_cast<uint8_t>(draft.batch.assignment));
  out->Put<uint64_t>(draft.seed);
  out->Put<uint8_t>(static_cast<uint8_t>(draft.protocol));
  out->Put<uint8_t>(static_cast<uint8_t>(draft.gate_weights));
  const ModelShape& model = draft.model;
  out->PutArray<uint32_t>(model.layer_group_of_layer);
  out->Put<uint32_t>(model.hidden_size);
  out->Put<uint32_t>(model.activation_bytes);
  out->Put<uint64_t>(model.expert_weight_bytes);
  out->Put<uint64_t>(model.expert_gradient_bytes);
  out->Put<uint64_t>(model.expert_master_bytes);
  out->Put<uint64_t>(model.expert_moment_bytes);
  out->Put<uint32_t>(model.row_alignment);
  out->Put<uint8_t>(model.recompute_experts);
  out->Put<uint32_t>(model.num_slots_per_rank);
  out->Put<uint32_t>(model.num_resident_experts);
  out->Put<uint8_t>(draft.allow_noncausal);
  out->Put<uint8_t>(draft.allow_unverified_tokens);
  out->Put<uint8_t>(draft.continues.has_value());
  if (draft.continues.has_value()) {
    out->PutDigest(draft.continues->job);
    out->Put<uint64_t>(draft.continues->consumed_samples);
  }
  if (draft.batch.composition.has_value()) {
    const BatchComposition& composition = *draft.batch.composition;
    out->Put<uint32_t>(composition.window_samples);
    out->Put<uint32_t>(composition.batch_samples);
    out->Put<uint32_t>(composition.domain_slack);
    out->Put<uint64_t>(composition.iterations);
  }
}

uint32_t VersionOf(const JobDraft& draft) {
  return draft.batch.composition.has_value() ? kComposedVersion : kPlainVersion;
}

// Booleans and enums are one byte each; what is out of range is noted, since two encodings of one value
// would give one job two names.
class DraftReader {
 public:
  explicit DraftReader(ByteReader* in) : in_(in) {}

  JobDraft Read(uint32_t version) {
    JobDraft draft;
    draft.planner_version = in_->Get<uint32_t>();
    for (uint32_t n = in_->Get<uint32_t>(), i = 0; i < n && in_->ok(); ++i) {
      TableUse use;
      use.table = in_->GetDigest();
      use.sample_index = in_->GetDigest();
      use.split = in_->GetString();
      use.weight = in_->Get<uint64_t>();
      use.missing_routes = Byte<MissingRoutes>(1);
      draft.tables.push_back(std::move(use));
    }
    for (uint32_t n = in_->Get<uint32_t>(), i = 0; i < n && in_->ok(); ++i) {
      TopologyNode node;
      node.name = in_->GetString();
      node.num_ranks = in_->Get<uint32_t>();
      node.scale_up = GetLink(in_);
      node.scale_out = GetLink(in_);
      node.flops_per_second = in_->Get<uint64_t>();
      node.memory_bytes = in_->Get<uint64_t>();
      draft.topology.nodes.push_back(std::move(node));
    }
    draft.ep_size = in_->Get<uint32_t>();
    draft.batch.samples_per_step = in_->Get<uint32_t>();
    draft.batch.num_micro_batches = in_->Get<uint32_t>();
    draft.batch.num_chunks = in_->Get<uint32_t>();
    draft.batch.num_steps = in_->Get<uint64_t>();
    draft.batch.assignment = Byte<AssignmentPolicy>(2);
    draft.seed = in_->Get<uint64_t>();
    draft.protocol = Byte<DispatchProtocol>(2);
    draft.gate_weights = Byte<GateWeights>(1);
    ModelShape& model = draft.model;
    model.layer_group_of_layer = in_->GetArray<uint32_t>();
    model.hidden_size = in_->Get<uint32_t>();
    model.activation_bytes = in_->Get<uint32_t>();
    model.expert_weight_bytes = in_->Get<uint64_t>();
    model.expert_gradient_bytes = in_->Get<uint64_t>();
    model.expert_master_bytes = in_->Get<uint64_t>();
    model.expert_moment_bytes = in_->Get<uint64_t>();
    model.row_alignment = in_->Get<uint32_t>();
    model.recompute_experts = Byte<bool>(1);
    model.num_slots_per_rank = in_->Get<uint32_t>();
    model.num_resident_experts = in_->Get<uint32_t>();
    draft.allow_noncausal = Byte<bool>(1);
    draft.allow_unverified_tokens = Byte<bool>(1);
    if (Byte<bool>(1)) {
      Continues continues;
      continues.job = in_->GetDigest();
      continues.consumed_samples = in_->Get<uint64_t>();
      draft.continues = continues;
    }
    if (version == kComposedVersion) {
      BatchComposition composition;
      composition.window_samples = in_->Get<uint32_t>();
      composition.batch_samples = in_->Get<uint32_t>();
      composition.domain_slack = in_->Get<uint32_t>();
      composition.iterations = in_->Get<uint64_t>();
      draft.batch.composition = composition;
    }
    return draft;
  }
  bool in_range() const { return in_range_; }

 private:
  template <typename T>
  T Byte(uint8_t largest) {
    const uint8_t value = in_->Get<uint8_t>();
    if (value <= largest) return static_cast<T>(value);
    in_range_ = false;
    return T{};
  }
  ByteReader* in_;
  bool in_range_ = true;
};

absl::Status BadEncoding(const char* what, uint64_t offset) {
  return Error(absl::StatusCode::kInvalidArgument, what, absl::StrCat("offset ", offset),
               "send the bytes that Encode made");
}

// The version.
absl::StatusOr<uint32_t> ReadHead(ByteReader* in, uint32_t magic) {
  if (in->Get<uint32_t>() != magic) return BadEncoding("these bytes are not an encoded job", 0);
  const uint32_t version = in->Get<uint32_t>();
  if (in->ok() && version != kPlainVersion && version != kComposedVersion) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat("job encoding version ", version), "offset 4",
                 "use a newer Grouter");
  }
  return version;
}

void CheckComposition(const BatchComposition& composition, Problems* problems) {
  const uint32_t window = composition.window_samples, batch = composition.batch_samples;
  if (batch == 0) {
    problems->Add("batch.composition.batch_samples is 0", "give the samples that meet: samples_per_step");
  } else if (window == 0 || window > kLargestWindow || window % batch != 0) {
    problems->Add(absl::StrCat("batch.composition.window_samples is ", window),
                  absl::StrCat("give a multiple of batch_samples, ", batch, ", up to ", kLargestWindow));
  }
  if (composition.iterations > kMostIterations) {
    problems->Add(absl::StrCat("batch.composition.iterations is ", composition.iterations),
                  absl::StrCat("give at most ", kMostIterations));
  }
}

void CheckModel(const JobDraft& draft, Problems* problems) {
  const ModelShape& model = draft.model;
  if (model.layer_group_of_layer.empty()) {
    problems->Add("model.layer_group_of_layer is empty", "list the layer group of each MoE layer");
  }
  if (model.hidden_size == 0) problems->Add("model.hidden_size is 0", "give the width of a dispatched row");
  if (model.activation_bytes == 0 || model.activation_bytes > 16) {
    problems->Add(absl::StrCat("model.activation_bytes is ", model.activation_bytes), "give 1 to 16");
  }
  if (model.row_alignment == 0 || model.row_alignment > (1u << 20)) {
    problems->Add(absl::StrCat("model.row_alignment is ", model.row_alignment), "give 1 (none) to 1048576");
  }
}

}  // namespace

absl::Status JobDraft::Validate() const {
  Problems problems;
  if (planner_version == 0) problems.Add("planner_version is 0", "use 1 or later");
  if (tables.empty()) problems.Add("the job has no tables", "name at least one routing table");
  for (size_t i = 0; i < tables.size(); ++i) {
    const std::string path = absl::StrCat("tables[", i, "]");
    if (tables[i].table.IsZero()) problems.Add(absl::StrCat(path, ".table is zero"), "give a table's digest");
    if (tables[i].sample_index.IsZero()) {
      problems.Add(absl::StrCat(path, ".sample_index is zero"), "give the digest the table names");
    }
    if (tables[i].split.empty()) problems.Add(absl::StrCat(path, ".split is empty"), "name a data split");
    if (tables[i].weight == 0 || tables[i].weight > kLargestWeight) {
      problems.Add(absl::StrCat(path, ".weight is ", tables[i].weight),
                   absl::StrCat("give a whole number from 1 to ", kLargestWeight));
    }
  }
  const absl::Status bad_topology = topology.Validate();
  problems.Add(bad_topology);
  if (ep_size == 0) {
    problems.Add("ep_size is 0", "give the number of ranks that hold all experts together");
  } else if (bad_topology.ok() && topology.world_size() % ep_size != 0) {
    problems.Add(absl::StrCat("world size ", topology.world_size(), " is no multiple of ep_size ", ep_size),
                 "choose an ep_size that divides the number of ranks");
  }
  if (batch.samples_per_step == 0) problems.Add("batch.samples_per_step is 0", "give at least 1");
  if (batch.num_micro_batches == 0 || batch.num_micro_batches > (1u << 20)) {
    problems.Add(absl::StrCat("batch.num_micro_batches is ", batch.num_micro_batches), "give 1 to 1048576");
  }
  if (batch.num_chunks == 0 || batch.num_chunks > kMostChunks) {
    problems.Add(absl::StrCat("batch.num_chunks is ", batch.num_chunks),
                 absl::StrCat("give 1 to ", kMostChunks));
  }
  if (batch.composition.has_value()) CheckComposition(*batch.composition, &problems);
  CheckModel(*this, &problems);
  return problems.ToStatus(absl::StatusCode::kInvalidArgument, "job");
}

std::string JobDraft::Encode() const {
  ByteWriter out;
  out.Put<uint32_t>(kDraftMagic);
  out.Put<uint32_t>(VersionOf(*this));
  PutDraft(*this, &out);
  return out.Take();
}

Digest JobDraft::digest() const { return Sha256(Encode()); }

std::vector<uint32_t> JobDraft::SlotsOfRanks(uint32_t num_experts) const {
  std::vector<uint32_t> slots(ep_size, model.num_slots_per_rank);
  if (model.num_slots_per_rank > 0) return slots;
  for (uint32_t r = 0; r < ep_size; ++r)
    slots[r] = num_experts / ep_size + (r < num_experts % ep_size ? 1 : 0);
  return slots;
}

absl::StatusOr<JobDraft> JobDraft::Decode(absl::string_view bytes) {
  ByteReader in(bytes);
  GROUTER_ASSIGN_OR_RETURN(const uint32_t version, ReadHead(&in, kDraftMagic));
  DraftReader reader(&in);
  JobDraft draft = reader.Read(version);
  if (!in.AtEnd()) return BadEncoding("an encoded job draft is cut short or too long", in.offset());
  if (!reader.in_range()) return BadEncoding("an encoded job draft holds an unknown value", 0);
  return draft;
}

std::string JobSpec::Encode() const {
  ByteWriter out;
  out.Put<uint32_t>(kSpecMagic);
  out.Put<uint32_t>(VersionOf(draft));
  PutDraft(draft, &out);
  out.PutDigest(schedule);
  return out.Take();
}

Digest JobSpec::digest() const { return Sha256(Encode()); }

absl::StatusOr<JobSpec> JobSpec::Decode(absl::string_view bytes) {
  ByteReader in(bytes);
  GROUTER_ASSIGN_OR_RETURN(const uint32_t version, ReadHead(&in, kSpecMagic));
  DraftReader reader(&in);
  JobSpec spec;
  spec.draft = reader.Read(version);
  spec.schedule = in.GetDigest();
  if (!in.AtEnd()) return BadEncoding("an encoded job is cut short or too long", in.offset());
  if (!reader.in_range()) return BadEncoding("an encoded job holds an unknown value", 0);
  return spec;
}

}  // namespace grouter
