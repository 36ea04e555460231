#include "routing/planning/plan.h"

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint32_t kStepMagic = 0x50535247;        // "GRSP"
constexpr uint32_t kMicroBatchMagic = 0x504D5247;  // "GRMP"
constexpr uint32_t kVersion = 1;
constexpr uint32_t kLargestK = 16;

absl::Status Bad(absl::string_view what, uint64_t offset) {
  return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("bad plan: ", what),
               absl::StrCat("offset ", offset), "ask another server");
}

absl::Status CheckHead(ByteReader* in, uint32_t magic) {
  if (in->Get<uint32_t>() != magic) return Bad("these bytes are something else", 0);
  const uint32_t version = in->Get<uint32_t>();
  if (in->ok() && version != kVersion) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat("plan version ", version), "offset 4",
                 "use a newer client");
  }
  return absl::OkStatus();
}

// A count of things of at least `bytes_each` bytes: never more than what is left can hold.
bool GetCount(ByteReader* in, uint64_t bytes_each, uint64_t* count) {
  *count = in->Get<uint32_t>();
  return in->ok() && *count <= in->remaining() / bytes_each;
}

uint64_t BitmapBytes(uint64_t first_bit, uint64_t bits) { return (first_bit + bits + 7) / 8; }

void PutChunk(const ChunkPlan& chunk, ByteWriter* out) {
  out->Put<uint32_t>(chunk.first_token);
  out->Put<uint32_t>(chunk.num_tokens);
  out->PutArray<uint32_t>(chunk.send_splits);
  out->PutArray<uint32_t>(chunk.recv_splits);
  out->PutArray<uint32_t>(chunk.recv_counts);
  out->PutArray<uint32_t>(chunk.forward_send_splits);
  out->PutArray<uint32_t>(chunk.forward_recv_splits);
  out->Put<uint32_t>(static_cast<uint32_t>(chunk.quotas.size()));
  for (const ReplicaQuota& quota : chunk.quotas) {
    out->Put<uint32_t>(quota.expert);
    out->Put<uint32_t>(quota.global_slot);
    out->Put<uint32_t>(quota.num_tokens);
  }
  out->Put<uint64_t>(chunk.aligned_rows);
  out->Put<uint64_t>(chunk.peak_bytes);
}

bool GetChunk(ByteReader* in, ChunkPlan* chunk) {
  chunk->first_token = in->Get<uint32_t>();
  chunk->num_tokens = in->Get<uint32_t>();
  chunk->send_splits = in->GetArray<uint32_t>();
  chunk->recv_splits = in->GetArray<uint32_t>();
  chunk->recv_counts = in->GetArray<uint32_t>();
  chunk->forward_send_splits = in->GetArray<uint32_t>();
  chunk->forward_recv_splits = in->GetArray<uint32_t>();
  uint64_t quotas = 0;
  if (!GetCount(in, 12, &quotas)) return false;
  chunk->quotas.resize(quotas);
  for (ReplicaQuota& quota : chunk->quotas) {
    quota.expert = in->Get<uint32_t>();
    quota.global_slot = in->Get<uint32_t>();
    quota.num_tokens = in->Get<uint32_t>();
  }
  chunk->aligned_rows = in->Get<uint64_t>();
  chunk->peak_bytes = in->Get<uint64_t>();
  return in->ok();
}

// What the head says of one sample's routes. The planes' sizes follow from it.
void PutView(const RouteView& view, ByteWriter* out) {
  out->Put<uint8_t>(static_cast<uint8_t>(view.k));
  out->Put<uint8_t>(static_cast<uint8_t>(view.id_width));
  out->Put<uint8_t>(static_cast<uint8_t>(view.weights.empty() ? WeightType::kNone : view.weight_type));
  out->Put<uint8_t>((view.num_topk.empty() ? 0 : 1) | (view.missing.empty() ? 0 : 2));
  out->Put<uint32_t>(view.first_bit);
}

bool GetView(ByteReader* in, uint32_t num_tokens, RouteView* view, uint8_t* planes) {
  view->num_tokens = num_tokens;
  view->k = in->Get<uint8_t>();
  view->id_width = in->Get<uint8_t>();
  const uint8_t weight_type = in->Get<uint8_t>();
  *planes = in->Get<uint8_t>();
  view->first_bit = in->Get<uint32_t>();
  if (weight_type > static_cast<uint8_t>(WeightType::kFloat16)) return false;
  view->weight_type = static_cast<WeightType>(weight_type);
  return in->ok() && view->k <= kLargestK && (view->id_width == 1 || view->id_width == 2) && *planes <= 3;
}

uint64_t IdBytes(const RouteView& view) { return uint64_t{view.num_tokens} * view.k * view.id_width; }
uint64_t WeightPlaneBytes(const RouteView& view) {
  return uint64_t{view.num_tokens} * view.k * WeightBytes(view.weight_type);
}

// The planes of one view in their order on the wire.
template <typename Visit>
void ForEachPlane(const RouteView& view, Visit visit) {
  visit(view.ids);
  visit(view.weights);
  visit(view.num_topk);
  visit(view.missing);
}

void GetPlanes(ByteReader* in, uint8_t planes, RouteView* view) {
  view->ids = in->GetRaw(IdBytes(*view));
  view->weights = in->GetRaw(WeightPlaneBytes(*view));
  if (planes & 1) view->num_topk = in->GetRaw(view->num_tokens);
  if (planes & 2) view->missing = in->GetRaw(BitmapBytes(view->first_bit, view->num_tokens));
}

absl::Status GetSamples(ByteReader* in, MicroBatchPlan* plan) {
  uint64_t num_samples = 0;
  if (!GetCount(in, 28, &num_samples)) return Bad("its samples are cut short", in->offset());
  uint64_t tokens = 0;
  plan->samples.resize(num_samples);
  for (PlannedSample& sample : plan->samples) {
    sample.table = in->Get<uint32_t>();
    sample.sample = in->Get<uint64_t>();
    sample.first_token = in->Get<uint32_t>();
    sample.length = in->Get<uint32_t>();
    sample.num_loss_tokens = in->Get<uint32_t>();
    sample.token_crc32c = in->Get<uint32_t>();
    if (sample.first_token != tokens) return Bad("samples do not follow each other", in->offset());
    tokens += sample.length;
  }
  if (!in->ok() || tokens != plan->num_tokens) return Bad("samples do not add up", in->offset());
  return absl::OkStatus();
}

}  // namespace

uint64_t PlanPayload::num_bytes() const {
  uint64_t total = head.size();
  for (absl::string_view plane : planes) total += plane.size();
  return total;
}

std::string PlanPayload::Flatten() const {
  std::string bytes;
  bytes.reserve(num_bytes());
  bytes = head;
  for (absl::string_view plane : planes) bytes.append(plane.data(), plane.size());
  return bytes;
}

MicroBatchPlan SelectLayerGroups(const MicroBatchPlan& plan, uint32_t first, uint32_t count) {
  GROUTER_CHECK(first <= plan.layer_groups.size() && count <= plan.layer_groups.size() - first);
  MicroBatchPlan part = plan;
  part.layer_groups.assign(plan.layer_groups.begin() + first, plan.layer_groups.begin() + first + count);
  Certificate& certificate = part.certificate;
  certificate.crc32c = 0;
  certificate.num_pairs_sent = 0;
  certificate.num_pairs_received = 0;
  for (const LayerGroupPlan& group : part.layer_groups) {
    for (const RouteView& view : group.routes) {
      ForEachPlane(view, [&](absl::string_view plane) {
        certificate.crc32c = Crc32c(plane.data(), plane.size(), certificate.crc32c);
      });
      for (uint32_t t = 0; t < view.num_tokens; ++t) certificate.num_pairs_sent += view.NumTopk(t);
    }
    for (const ChunkPlan& chunk : group.chunks) {
      for (uint32_t pairs : chunk.recv_counts) certificate.num_pairs_received += pairs;
    }
  }
  return part;
}

std::string EncodeStepPart(const StepPart& part) {
  ByteWriter out;
  out.Put<uint32_t>(kStepMagic);
  out.Put<uint32_t>(kVersion);
  out.Put<uint64_t>(part.step);
  out.Put<uint64_t>(part.num_steps);
  out.Put<uint32_t>(part.placement_epoch);
  out.Put<uint64_t>(part.first_sample_position);
  out.Put<uint32_t>(part.num_samples);
  out.PutDigest(part.sample_list_digest);
  out.Put<uint64_t>(part.num_loss_tokens);
  out.Put<uint64_t>(part.num_tokens);
  out.Put<uint32_t>(static_cast<uint32_t>(part.need_order.size()));
  for (const ExpertUse& use : part.need_order) {
    out.Put<uint32_t>(use.layer);
    out.Put<uint32_t>(use.slot);
  }
  out.Put<uint64_t>(part.num_accesses);
  out.Put<uint32_t>(static_cast<uint32_t>(part.accesses.size()));
  for (const ExpertAccess& access : part.accesses) {
    out.Put<uint32_t>(access.micro_batch);
    out.Put<uint32_t>(access.layer);
    out.Put<uint32_t>(access.chunk);
    out.Put<uint32_t>(access.slot);
    out.Put<uint8_t>(access.backward);
  }
  out.Put<uint32_t>(static_cast<uint32_t>(part.transfers.size()));
  for (const Transfer& transfer : part.transfers) {
    out.Put<uint8_t>(static_cast<uint8_t>(transfer.kind));
    out.Put<uint8_t>(transfer.outgoing);
    out.Put<uint32_t>(transfer.layer);
    out.Put<uint32_t>(transfer.expert);
    out.Put<uint32_t>(transfer.slot);
    out.Put<uint32_t>(transfer.peer_rank);
    out.Put<uint64_t>(transfer.bytes);
    out.Put<uint64_t>(transfer.before_use);
  }
  return out.Take();
}

absl::StatusOr<StepPart> DecodeStepPart(absl::string_view bytes) {
  ByteReader in(bytes);
  GROUTER_RETURN_IF_ERROR(CheckHead(&in, kStepMagic));
  StepPart part;
  part.step = in.Get<uint64_t>();
  part.num_steps = in.Get<uint64_t>();
  part.placement_epoch = in.Get<uint32_t>();
  part.first_sample_position = in.Get<uint64_t>();
  part.num_samples = in.Get<uint32_t>();
  part.sample_list_digest = in.GetDigest();
  part.num_loss_tokens = in.Get<uint64_t>();
  part.num_tokens = in.Get<uint64_t>();
  uint64_t count = 0;
  if (!GetCount(&in, 8, &count)) return Bad("its need order is cut short", in.offset());
  part.need_order.resize(count);
  for (ExpertUse& use : part.need_order) {
    use.layer = in.Get<uint32_t>();
    use.slot = in.Get<uint32_t>();
  }
  part.num_accesses = in.Get<uint64_t>();
  if (!GetCount(&in, 17, &count)) return Bad("its accesses are cut short", in.offset());
  if (count != 0 && count != part.num_accesses) return Bad("its accesses are not all there", in.offset());
  part.accesses.resize(count);
  for (ExpertAccess& access : part.accesses) {
    access.micro_batch = in.Get<uint32_t>();
    access.layer = in.Get<uint32_t>();
    access.chunk = in.Get<uint32_t>();
    access.slot = in.Get<uint32_t>();
    const uint8_t backward = in.Get<uint8_t>();
    if (backward > 1) return Bad("an unknown pass", in.offset());
    access.backward = backward != 0;
  }
  if (!GetCount(&in, 34, &count)) return Bad("its transfers are cut short", in.offset());
  part.transfers.resize(count);
  for (Transfer& transfer : part.transfers) {
    const uint8_t kind = in.Get<uint8_t>();
    const uint8_t outgoing = in.Get<uint8_t>();
    if (kind > static_cast<uint8_t>(TransferKind::kBroadcastWeight) || outgoing > 1) {
      return Bad("an unknown kind of transfer", in.offset());
    }
    transfer.kind = static_cast<TransferKind>(kind);
    transfer.outgoing = outgoing != 0;
    transfer.layer = in.Get<uint32_t>();
    transfer.expert = in.Get<uint32_t>();
    transfer.slot = in.Get<uint32_t>();
    transfer.peer_rank = in.Get<uint32_t>();
    transfer.bytes = in.Get<uint64_t>();
    transfer.before_use = in.Get<uint64_t>();
  }
  if (!in.AtEnd()) return Bad("cut short, or bytes after the end", in.offset());
  return part;
}

PlanPayload EncodeMicroBatchPlan(const MicroBatchPlan& plan) {
  PlanPayload payload;
  payload.storage = plan.storage;
  ByteWriter out;
  out.Put<uint32_t>(kMicroBatchMagic);
  out.Put<uint32_t>(kVersion);
  out.Put<uint64_t>(plan.step);
  out.Put<uint32_t>(plan.rank);
  out.Put<uint32_t>(plan.micro_batch);
  out.Put<uint32_t>(plan.num_tokens);
  out.Put<uint32_t>(static_cast<uint32_t>(plan.samples.size()));
  for (const PlannedSample& sample : plan.samples) {
    out.Put<uint32_t>(sample.table);
    out.Put<uint64_t>(sample.sample);
    out.Put<uint32_t>(sample.first_token);
    out.Put<uint32_t>(sample.length);
    out.Put<uint32_t>(sample.num_loss_tokens);
    out.Put<uint32_t>(sample.token_crc32c);
  }
  out.Put<uint32_t>(static_cast<uint32_t>(plan.layer_groups.size()));
  for (const LayerGroupPlan& group : plan.layer_groups) {
    GROUTER_CHECK(group.routes.size() == plan.samples.size());
    out.Put<uint32_t>(group.layer_group);
    for (const RouteView& view : group.routes) {
      PutView(view, &out);
      ForEachPlane(view, [&](absl::string_view plane) {
        if (!plane.empty()) payload.planes.push_back(plane);
      });
    }
    out.Put<uint32_t>(static_cast<uint32_t>(group.chunks.size()));
    for (const ChunkPlan& chunk : group.chunks) PutChunk(chunk, &out);
  }
  const Certificate& certificate = plan.certificate;
  out.Put<uint32_t>(certificate.crc32c);
  out.Put<uint64_t>(certificate.num_pairs_sent);
  out.Put<uint64_t>(certificate.num_pairs_received);
  out.Put<uint64_t>(certificate.max_rank_pairs);
  out.Put<uint64_t>(certificate.mean_rank_pairs);
  payload.head = out.Take();
  return payload;
}

absl::StatusOr<MicroBatchPlan> DecodeMicroBatchPlan(absl::string_view bytes,
                                                    std::shared_ptr<const void> owner) {
  ByteReader in(bytes);
  GROUTER_RETURN_IF_ERROR(CheckHead(&in, kMicroBatchMagic));
  MicroBatchPlan plan;
  plan.step = in.Get<uint64_t>();
  plan.rank = in.Get<uint32_t>();
  plan.micro_batch = in.Get<uint32_t>();
  plan.num_tokens = in.Get<uint32_t>();
  GROUTER_RETURN_IF_ERROR(GetSamples(&in, &plan));
  uint64_t num_groups = 0;
  if (!GetCount(&in, 8, &num_groups)) return Bad("its layer groups are cut short", in.offset());
  std::vector<uint8_t> planes;  // which optional ones each view has
  for (uint64_t g = 0; g < num_groups; ++g) {
    LayerGroupPlan group;
    group.layer_group = in.Get<uint32_t>();
    if (plan.samples.size() > in.remaining() / 8) return Bad("its routes are cut short", in.offset());
    group.routes.resize(plan.samples.size());
    for (size_t s = 0; s < plan.samples.size(); ++s) {
      planes.push_back(0);
      if (!GetView(&in, plan.samples[s].length, &group.routes[s], &planes.back())) {
        return Bad("an unknown form of routes", in.offset());
      }
    }
    uint64_t num_chunks = 0;
    if (!GetCount(&in, 68, &num_chunks)) return Bad("its chunks are cut short", in.offset());
    uint64_t tokens = 0;
    for (uint64_t c = 0; c < num_chunks; ++c) {
      ChunkPlan chunk;
      if (!GetChunk(&in, &chunk)) return Bad("a chunk is cut short", in.offset());
      if (chunk.first_token != tokens) return Bad("chunks do not follow each other", in.offset());
      tokens += chunk.num_tokens;
      group.chunks.push_back(std::move(chunk));
    }
    if (tokens != plan.num_tokens) return Bad("chunks do not cover the tokens", in.offset());
    plan.layer_groups.push_back(std::move(group));
  }
  Certificate& certificate = plan.certificate;
  certificate.crc32c = in.Get<uint32_t>();
  certificate.num_pairs_sent = in.Get<uint64_t>();
  certificate.num_pairs_received = in.Get<uint64_t>();
  certificate.max_rank_pairs = in.Get<uint64_t>();
  certificate.mean_rank_pairs = in.Get<uint64_t>();
  if (!in.ok()) return Bad("its head is cut short", in.offset());
  const uint64_t first_plane = in.offset();
  size_t next = 0;
  for (LayerGroupPlan& group : plan.layer_groups) {
    for (RouteView& view : group.routes) GetPlanes(&in, planes[next++], &view);
  }
  if (!in.AtEnd()) return Bad("its routes are cut short, or bytes come after them", in.offset());
  if (Crc32c(bytes.substr(first_plane)) != certificate.crc32c) {
    return Error(absl::StatusCode::kDataLoss, "the plan's routes do not match its certificate",
                 absl::StrCat("step ", plan.step, ", rank ", plan.rank), "ask another server");
  }
  plan.storage.push_back(std::move(owner));
  return plan;
}

}  // namespace grouter
