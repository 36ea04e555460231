#include "routing/network/router.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/random.h"
#include "routing/table/weights.h"

namespace grouter {

const char kScoreWeight[] = "grouter_structure.score.score.weight";
const char kSelectionBias[] = "bias";

namespace {

constexpr char kSpecFile[] = "router.json";
constexpr char kWeightFile[] = "router.safetensors";
constexpr uint64_t kMaxSpecBytes = 16 << 20;
constexpr double kInitialDeviation = 0.02;

bool IsNorm(absl::string_view name) { return name.find("norm") != absl::string_view::npos; }

// Mean 0, variance 1 to good approximation, from additions alone: the same on every machine.
double NearlyNormal(Random* random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random->Uniform();
  return sum;
}

absl::Status CheckTensors(const Router& router) {
  auto expected = RouterTensorShapes(router.spec.shape);
  if (router.tensors.count(kSelectionBias) != 0) expected[kSelectionBias] = {router.spec.shape.num_experts};
  for (const auto& [name, shape] : expected) {
    const auto it = router.tensors.find(name);
    uint64_t size = 1;
    for (const uint64_t extent : shape) size *= extent;
    if (it == router.tensors.end() || it->second.shape != shape || it->second.values.size() != size) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("tensor ", name, " is missing or misshapen"), "router",
                   absl::StrCat("give it shape [", absl::StrJoin(shape, ", "), "]"));
    }
  }
  for (const auto& [name, tensor] : router.tensors) {
    if (expected.count(name) == 0) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("tensor ", name, " does not belong to this router"), "router",
                   "remove it, or correct the shape");
    }
  }
  return absl::OkStatus();
}

// Over both files, so that a change of either gives another router.
Digest FolderDigest(absl::string_view spec_bytes, absl::string_view weight_bytes) {
  Sha256Stream stream;
  stream.Update("grouter router\n");
  for (const absl::string_view bytes : {spec_bytes, weight_bytes}) {
    const Digest digest = Sha256(bytes);
    stream.Update(digest.bytes.data(), digest.bytes.size());
  }
  return stream.Finish();
}

}  // namespace

absl::Span<const float> Router::selection_bias() const {
  const auto it = tensors.find(kSelectionBias);
  return it == tensors.end() ? absl::Span<const float>() : absl::MakeConstSpan(it->second.values);
}

std::map<std::string, std::vector<uint64_t>> RouterTensorShapes(const RouterShape& shape) {
  const uint64_t hidden = shape.hidden_size;
  std::map<std::string, std::vector<uint64_t>> shapes = {
      {"grouter_structure.model.embed_tokens.embed_tokens.weight", {shape.vocab_size, hidden}},
      {"grouter_structure.model.norm.weight", {hidden}},
      {kScoreWeight, {shape.num_experts, hidden}},
  };
  for (uint32_t n = 0; n < shape.num_blocks; ++n) {
    const std::string block = absl::StrCat("grouter_structure.model.layers.", n, ".");
    shapes[block + "input_layernorm.weight"] = {hidden};
    shapes[block + "post_attention_layernorm.weight"] = {hidden};
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      shapes[absl::StrCat(block, "self_attn.", name, ".weight")] = {hidden, hidden};
    }
    shapes[block + "mlp.gate_proj.weight"] = {shape.mlp_size, hidden};
    shapes[block + "mlp.up_proj.weight"] = {shape.mlp_size, hidden};
    shapes[block + "mlp.down_proj.weight"] = {hidden, shape.mlp_size};
  }
  return shapes;
}

Router RandomRouter(RouterSpec spec, uint64_t seed) {
  GROUTER_CHECK(spec.Validate().ok());
  Router router;
  uint64_t purpose = 0;
  for (auto& [name, shape] : RouterTensorShapes(spec.shape)) {
    Random random(seed, purpose++);
    uint64_t size = 1;
    for (const uint64_t extent : shape) size *= extent;
    RouterTensor tensor{shape, std::vector<float>(size, 1.0f)};
    if (!IsNorm(name)) {
      for (float& value : tensor.values)
        value = static_cast<float>(NearlyNormal(&random) * kInitialDeviation);
    }
    router.tensors[name] = std::move(tensor);
  }
  router.spec = std::move(spec);
  return router;
}

absl::StatusOr<std::vector<float>> TensorValues(const TensorView& view, absl::string_view where) {
  std::vector<float> values(view.spec.num_elements());
  if (view.spec.type == TensorType::kF32) {
    if (!values.empty()) std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
    return values;
  }
  if (view.spec.type != TensorType::kF16 && view.spec.type != TensorType::kBF16) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("tensor ", view.spec.name, " has type ", TensorTypeName(view.spec.type)), where,
                 "store weights as F32, F16 or BF16");
  }
  const WeightType type = view.spec.type == TensorType::kF16 ? WeightType::kFloat16 : WeightType::kBFloat16;
  for (size_t i = 0; i < values.size(); ++i) values[i] = WeightAt(view.bytes, type, i);
  return values;
}

absl::StatusOr<Router> LoadRouter(const std::string& folder, FileSystem& files) {
  const std::string spec_path = JoinPath(folder, kSpecFile);
  const std::string weight_path = JoinPath(folder, kWeightFile);
  GROUTER_ASSIGN_OR_RETURN(const std::string spec_bytes, files.ReadFile(spec_path, kMaxSpecBytes));
  Router router;
  GROUTER_ASSIGN_OR_RETURN(router.spec, RouterSpec::FromJson(spec_bytes, spec_path));
  GROUTER_ASSIGN_OR_RETURN(auto mapped, files.Map(weight_path));
  GROUTER_ASSIGN_OR_RETURN(auto weights, SafetensorsFile::Parse(mapped->bytes(), weight_path));
  // Shapes are compared before values are read, so that a hostile shape costs nothing.
  auto shapes = RouterTensorShapes(router.spec.shape);
  if (weights->Find(kSelectionBias) != nullptr) shapes[kSelectionBias] = {router.spec.shape.num_experts};
  for (const auto& [name, shape] : shapes) {
    GROUTER_ASSIGN_OR_RETURN(const TensorView view, weights->Get(name, shape));
    router.tensors[name].shape = shape;
    GROUTER_ASSIGN_OR_RETURN(router.tensors[name].values, TensorValues(view, weight_path));
  }
  if (weights->tensors().size() != router.tensors.size()) {
    return Error(absl::StatusCode::kInvalidArgument, "there are tensors that do not belong to this router",
                 weight_path, "remove them, or correct the shape in router.json");
  }
  router.digest = FolderDigest(spec_bytes, mapped->bytes());
  return router;
}

absl::Status SaveRouter(Router* router, const std::string& folder, FileSystem& files) {
  GROUTER_RETURN_IF_ERROR(router->spec.Validate());
  GROUTER_RETURN_IF_ERROR(CheckTensors(*router));
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(folder));
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : router->tensors) {
    views.push_back({{name, TensorType::kF32, tensor.shape},
                     absl::string_view(reinterpret_cast<const char*>(tensor.values.data()),
                                       tensor.values.size() * sizeof(float))});
  }
  // A folder whose description and weights do not belong together must not look whole.
  GROUTER_RETURN_IF_ERROR(files.Remove(JoinPath(folder, kSpecFile)));
  const std::string weight_path = JoinPath(folder, kWeightFile);
  GROUTER_RETURN_IF_ERROR(WriteSafetensors(weight_path, std::move(views), {}, files));
  const std::string spec_bytes = router->spec.ToJson();
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(files, JoinPath(folder, kSpecFile), spec_bytes));
  GROUTER_ASSIGN_OR_RETURN(auto mapped, files.Map(weight_path));
  router->digest = FolderDigest(spec_bytes, mapped->bytes());
  return absl::OkStatus();
}

}  // namespace grouter
