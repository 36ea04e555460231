#include "trainer/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "io/error.h"
#include "io/safetensors.h"

namespace grouter {
namespace {

enum class Plane { kWeights, kMeans, kVariances };

float* PlaneOf(const ExpertPage& page, Plane plane) {
  if (plane == Plane::kWeights) return page.weights;
  return plane == Plane::kMeans ? page.means : page.variances;
}
float* PlaneOf(DenseParameters& dense, Plane plane) {
  if (plane == Plane::kWeights) return dense.weights();
  return plane == Plane::kMeans ? dense.means() : dense.variances();
}
const char* Prefix(Plane plane) {
  if (plane == Plane::kWeights) return "";
  return plane == Plane::kMeans ? "mean." : "variance.";
}

// One tensor of a checkpoint file and where its values lie.
struct Entry {
  TensorSpec spec;
  Plane plane = Plane::kWeights;
  bool is_expert = false;
  uint32_t layer = 0;  // of an expert
  uint32_t expert = 0;
  uint64_t offset = 0;  // in floats, inside the dense buffer or the expert's plane
};

// All tensors of `planes` in the order of a safetensors file: by name.
std::vector<Entry> Entries(const ModelConfig& config, const std::vector<ParameterSpec>& dense,
                           absl::Span<const Plane> planes) {
  std::vector<Entry> entries;
  const uint64_t d = config.hidden_size;
  const uint64_t f = config.moe_intermediate_size;
  for (Plane plane : planes) {
    for (const ParameterSpec& spec : dense) {
      entries.push_back({{absl::StrCat(Prefix(plane), spec.name), TensorType::kF32, spec.shape},
                         plane,
                         false,
                         0,
                         0,
                         spec.offset});
    }
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
      for (uint32_t e = 0; e < config.num_experts; ++e) {
        const std::string name = absl::StrCat(Prefix(plane), "model.layers.", l, ".mlp.experts.", e, ".");
        entries.push_back({{name + "gate_proj.weight", TensorType::kF32, {f, d}}, plane, true, l, e, 0});
        entries.push_back({{name + "up_proj.weight", TensorType::kF32, {f, d}}, plane, true, l, e, f * d});
        entries.push_back(
            {{name + "down_proj.weight", TensorType::kF32, {d, f}}, plane, true, l, e, 2 * f * d});
      }
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.spec.name < b.spec.name; });
  return entries;
}

// One expert's plane from its owner in the first EP group to rank 0; `out` is filled there.
absl::Status BringExpert(const TrainedModel& model, Plane plane, uint32_t layer, uint32_t expert,
                         Collectives& world, std::vector<float>* out) {
  const uint64_t size = model.experts->options().shape.size();
  const SlotRef owner = model.placement_of_layer[layer]->OwnerOf(expert);
  std::vector<uint32_t> send_rows(world.size(), 0), recv_rows(world.size(), 0);
  if (world.rank() == owner.rank) send_rows[0] = 1;
  if (world.rank() == 0) recv_rows[owner.rank] = 1;
  out->resize(size);
  ExpertPage page;
  if (world.rank() == owner.rank) {
    GROUTER_ASSIGN_OR_RETURN(page, model.experts->Acquire({layer, owner.slot}));
  }
  std::vector<float> sent;
  if (page.weights != nullptr) {
    sent.resize(size);
    const absl::Status status =
        ReadFloats(*model.experts->options().device, sent.data(), PlaneOf(page, plane), size);
    model.experts->Release({layer, owner.slot}, false);
    GROUTER_RETURN_IF_ERROR(status);
  }
  RowExchange exchange;
  exchange.kind = ExchangeKind::kExperts;
  exchange.row_bytes = size * sizeof(float);
  exchange.send = sent.data();
  exchange.send_rows = send_rows;
  exchange.recv = out->data();
  exchange.recv_rows = recv_rows;
  return world.AllToAll(exchange);
}

// Writes one file: every rank walks the same entries. A failure of the writer is kept in *written while the
// exchanges go on, so that no rank is left waiting; what is returned is a failure of the exchanges.
absl::Status WriteFile(const std::string& path, const TrainedModel& model, absl::Span<const Plane> planes,
                       Collectives& world, FileSystem& files, absl::Status* written) {
  const std::vector<Entry> entries = Entries(*model.config, model.dense->specs(), planes);
  std::unique_ptr<SafetensorsWriter> writer;
  if (world.rank() == 0 && written->ok()) {
    std::vector<TensorSpec> specs;
    for (const Entry& entry : entries) specs.push_back(entry.spec);
    auto made = SafetensorsWriter::Create(path, std::move(specs), {{"format", "pt"}}, files);
    if (made.ok()) {
      writer = std::move(*made);
    } else {
      *written = made.status();
    }
  }
  std::vector<float> expert, dense;
  const Entry* brought = nullptr;
  for (const Entry& entry : entries) {
    const float* values = nullptr;
    if (!entry.is_expert) {
      if (writer == nullptr || !written->ok()) continue;
      dense.resize(entry.spec.num_bytes() / sizeof(float));
      *written = ReadFloats(model.dense->device(), dense.data(),
                            PlaneOf(*model.dense, entry.plane) + entry.offset, dense.size());
      values = dense.data();
    } else {
      if (brought == nullptr || brought->plane != entry.plane || brought->layer != entry.layer ||
          brought->expert != entry.expert) {
        GROUTER_RETURN_IF_ERROR(BringExpert(model, entry.plane, entry.layer, entry.expert, world, &expert));
        brought = &entry;
      }
      values = expert.data() + entry.offset;
    }
    if (writer != nullptr && written->ok()) {
      *written =
          writer->Append(absl::string_view(reinterpret_cast<const char*>(values), entry.spec.num_bytes()));
    }
  }
  if (writer != nullptr && written->ok()) *written = writer->Commit();
  return absl::OkStatus();
}

// Rank 0's status on every rank.
absl::Status ShareStatus(const absl::Status& status, Collectives& world) {
  constexpr size_t kMessage = 1020;
  std::vector<uint8_t> bytes(4 + kMessage, 0);
  const auto code = static_cast<uint32_t>(status.code());
  std::memcpy(bytes.data(), &code, 4);
  std::memcpy(bytes.data() + 4, status.message().data(), std::min(kMessage - 1, status.message().size()));
  GROUTER_RETURN_IF_ERROR(world.Broadcast(absl::MakeSpan(bytes), 0));
  uint32_t shared = 0;
  std::memcpy(&shared, bytes.data(), 4);
  if (shared == 0) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(shared), reinterpret_cast<const char*>(bytes.data() + 4));
}

absl::Status ReadInto(const SafetensorsFile& file, const Entry& entry, Device& device, float* to) {
  GROUTER_ASSIGN_OR_RETURN(const TensorView view, file.Get(entry.spec.name, entry.spec.shape));
  if (view.spec.type != TensorType::kF32) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("tensor is ", TensorTypeName(view.spec.type)), entry.spec.name,
                 "checkpoints hold F32");
  }
  // Through memory whose floats are aligned, as the file's need not be.
  std::vector<float> values(view.bytes.size() / sizeof(float));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return WriteFloats(device, to, values.data(), values.size());
}

}  // namespace

absl::StatusOr<std::string> SaveCheckpoint(const std::string& folder, const TrainedModel& model,
                                           const TrainingState& state, Collectives& world,
                                           FileSystem& files) {
  const std::string path = JoinPath(folder, absl::StrCat("step_", state.next_step));
  const std::string temp = absl::StrCat(path, ".tmp");
  const bool writes = world.rank() == 0;
  absl::Status written;
  if (writes) {
    written = files.RemoveTree(temp);
    if (written.ok()) written = files.MakeFolders(temp);
  }
  const Plane weights[] = {Plane::kWeights};
  const Plane moments[] = {Plane::kMeans, Plane::kVariances};
  GROUTER_RETURN_IF_ERROR(
      WriteFile(JoinPath(temp, "model.safetensors"), model, weights, world, files, &written));
  GROUTER_RETURN_IF_ERROR(
      WriteFile(JoinPath(temp, "optimizer.safetensors"), model, moments, world, files, &written));
  if (writes) {
    if (written.ok())
      written = WriteFileAtomically(files, JoinPath(temp, "config.json"), model.config->ToJson());
    if (written.ok()) written = WriteFileAtomically(files, JoinPath(temp, "state.json"), state.ToJson());
    if (written.ok()) written = files.RemoveTree(path);
    if (written.ok()) written = files.Rename(temp, path);
    if (written.ok()) written = files.SyncFolder(folder);
    if (!written.ok()) files.RemoveTree(temp).IgnoreError();
  }
  GROUTER_RETURN_IF_ERROR(Annotate(ShareStatus(written, world), absl::StrCat("checkpoint ", path)));
  return path;
}

absl::StatusOr<TrainingState> LoadCheckpoint(const std::string& checkpoint, const TrainedModel& model,
                                             FileSystem& files) {
  const std::string state_path = JoinPath(checkpoint, "state.json");
  GROUTER_ASSIGN_OR_RETURN(const std::string json, files.ReadFile(state_path, 1 << 20));
  GROUTER_ASSIGN_OR_RETURN(const TrainingState state, TrainingState::FromJson(json, state_path));
  GROUTER_ASSIGN_OR_RETURN(const auto weights,
                           SafetensorsFile::Open(JoinPath(checkpoint, "model.safetensors"), files));
  GROUTER_ASSIGN_OR_RETURN(const auto moments,
                           SafetensorsFile::Open(JoinPath(checkpoint, "optimizer.safetensors"), files));
  const Plane planes[] = {Plane::kWeights, Plane::kMeans, Plane::kVariances};
  for (const Entry& entry : Entries(*model.config, model.dense->specs(), planes)) {
    const SafetensorsFile& file = entry.plane == Plane::kWeights ? *weights : *moments;
    if (!entry.is_expert) {
      GROUTER_RETURN_IF_ERROR(
          ReadInto(file, entry, model.dense->device(), PlaneOf(*model.dense, entry.plane) + entry.offset));
      continue;
    }
    for (SlotRef slot : model.placement_of_layer[entry.layer]->SlotsOf(entry.expert)) {
      if (slot.rank != model.ep_rank) continue;
      GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, model.experts->Acquire({entry.layer, slot.slot}));
      const absl::Status status =
          ReadInto(file, entry, *model.experts->options().device, PlaneOf(page, entry.plane) + entry.offset);
      model.experts->Release({entry.layer, slot.slot}, true);
      GROUTER_RETURN_IF_ERROR(status);
    }
  }
  return state;
}

absl::StatusOr<std::string> LatestCheckpoint(const std::string& folder, FileSystem& files) {
  uint64_t latest = 0;
  bool found = false;
  if (files.Exists(folder)) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder));
    for (const std::string& name : names) {
      uint64_t step = 0;
      if (!absl::StartsWith(name, "step_") || !absl::SimpleAtoi(absl::string_view(name).substr(5), &step))
        continue;
      if (!found || step > latest) latest = step;
      found = true;
    }
  }
  if (!found) {
    return Error(absl::StatusCode::kNotFound, "no checkpoint to resume from", folder,
                 "start without resume, or name a checkpoint folder");
  }
  return JoinPath(folder, absl::StrCat("step_", latest));
}

}  // namespace grouter
