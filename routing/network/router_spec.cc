#include "routing/network/router_spec.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "grouter_router";
constexpr uint64_t kVersion = 1;
constexpr uint64_t kMaxExtent = 1 << 24;  // of any one dimension
constexpr const char* kScoringNames[] = {"softmax", "normalized_sigmoid"};
constexpr const char* kCausalityNames[] = {"causal", "document_bidirectional", "packed_bidirectional",
                                           "captured"};

// Reads one object: what is missing, of another type or not asked for is a problem.
class Fields {
 public:
  Fields(const Json* object, std::string path, std::vector<std::string>* problems)
      : object_(object != nullptr && object->is_object() ? object : nullptr),
        path_(path),
        problems_(problems) {
    if (object_ == nullptr) problems_->push_back(path_ + " is not an object");
  }
  ~Fields() {
    if (object_ == nullptr) return;
    for (const auto& [key, value] : object_->items()) {
      if (asked_.count(key) == 0) problems_->push_back(absl::StrCat("unknown field ", path_, ".", key));
    }
  }
  const Json* Find(const char* name) {
    asked_.insert(name);
    if (object_ == nullptr) return nullptr;
    const auto it = object_->find(name);
    if (it != object_->end()) return &*it;
    problems_->push_back(absl::StrCat(path_, ".", name, " is missing"));
    return nullptr;
  }
  void Read(const char* name, uint32_t* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (field->is_number_unsigned() && field->get<uint64_t>() <= UINT32_MAX) {
      *value = static_cast<uint32_t>(field->get<uint64_t>());
    } else {
      problems_->push_back(absl::StrCat(path_, ".", name, " is not a whole number"));
    }
  }
  void Read(const char* name, double* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (field->is_number()) {
      *value = field->get<double>();
    } else {
      problems_->push_back(absl::StrCat(path_, ".", name, " is not a number"));
    }
  }
  void Read(const char* name, bool* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (field->is_boolean()) {
      *value = field->get<bool>();
    } else {
      problems_->push_back(absl::StrCat(path_, ".", name, " is not true or false"));
    }
  }
  template <typename Enum, size_t kCount>
  void Read(const char* name, const char* const (&names)[kCount], Enum* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    for (size_t i = 0; field->is_string() && i < kCount; ++i) {
      if (field->get_ref<const std::string&>() == names[i]) {
        *value = static_cast<Enum>(i);
        return;
      }
    }
    problems_->push_back(absl::StrCat(path_, ".", name, " is none of ", absl::StrJoin(names, ", ")));
  }

 private:
  const Json* object_;
  std::string path_;
  std::vector<std::string>* problems_;
  std::set<std::string> asked_;
};

absl::Status Refuse(const std::vector<std::string>& problems, absl::string_view where) {
  if (problems.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "), where,
               "correct these fields (docs/router_network.md)");
}

void ReadDigest(Fields* fields, const char* name, Digest* digest, std::vector<std::string>* problems) {
  const Json* field = fields->Find(name);
  if (field == nullptr || field->is_null()) return;
  const auto parsed = Digest::FromHex(field->is_string() ? field->get<std::string>() : "");
  if (parsed.ok()) {
    *digest = *parsed;
  } else {
    problems->push_back(absl::StrCat(name, " is neither null nor a digest"));
  }
}

}  // namespace

absl::string_view CausalityName(Causality causality) {
  return kCausalityNames[static_cast<size_t>(causality)];
}

absl::Status RouterSpec::Validate() const {
  std::vector<std::string> problems;
  const auto require = [&](bool holds, absl::string_view rule) {
    if (!holds) problems.emplace_back(rule);
  };
  const auto in_range = [](uint64_t value, uint64_t low, uint64_t high) {
    return value >= low && value <= high;
  };
  require(in_range(shape.vocab_size, 1, kMaxExtent), "vocab_size must be 1..16777216");
  require(in_range(shape.hidden_size, 2, kMaxExtent), "hidden_size must be 2..16777216");
  require(in_range(shape.num_blocks, 0, 1000), "num_blocks must be 0..1000");
  require(in_range(shape.mlp_size, 1, kMaxExtent), "mlp_size must be 1..16777216");
  require(in_range(shape.num_experts, 2, 65536), "num_experts must be 2..65536");
  require(shape.num_heads > 0 && shape.hidden_size % (2ull * shape.num_heads) == 0,
          "hidden_size must be num_heads times an even head size");
  require(std::isfinite(shape.rms_norm_eps) && shape.rms_norm_eps > 0, "rms_norm_eps must be above 0");
  require(std::isfinite(shape.rope_theta) && shape.rope_theta > 0, "rope_theta must be above 0");
  require(in_range(gate.k, 1, 16) && gate.k <= shape.num_experts, "k must be 1..16 and at most num_experts");
  require(std::isfinite(gate.scaling_factor) && gate.scaling_factor > 0, "scaling_factor must be above 0");
  require(causality != Causality::kCaptured, "a router's causality cannot be captured");
  require(causality != Causality::kDocumentBidirectional || !cross_document,
          "document_bidirectional needs cross_document = false");
  require(causality != Causality::kPackedBidirectional || cross_document,
          "packed_bidirectional needs cross_document = true");
  require(!causality_established || causality == Causality::kCausal, "only causal can be established");
  for (const std::string& step : history) {
    require(ParseOrderedJson(step).is_object(), "history must hold JSON objects");
  }
  return Refuse(problems, "router");
}

std::string RouterSpec::ToJson() const {
  Json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["shape"] = {{"vocab_size", shape.vocab_size},     {"hidden_size", shape.hidden_size},
                   {"num_blocks", shape.num_blocks},     {"num_heads", shape.num_heads},
                   {"mlp_size", shape.mlp_size},         {"num_experts", shape.num_experts},
                   {"rms_norm_eps", shape.rms_norm_eps}, {"rope_theta", shape.rope_theta}};
  json["gate"] = {{"k", gate.k},
                  {"scoring", kScoringNames[static_cast<size_t>(gate.scoring)]},
                  {"scaling_factor", gate.scaling_factor}};
  json["causality"] = std::string(CausalityName(causality));
  json["causality_established"] = causality_established;
  json["cross_document"] = cross_document;
  json["tokenizer_digest"] = tokenizer_digest.IsZero() ? Json() : Json(tokenizer_digest.Hex());
  json["history"] = Json::array();
  for (const std::string& step : history) json["history"].push_back(ParseOrderedJson(step));
  return json.dump(2) + "\n";
}

absl::StatusOr<RouterSpec> RouterSpec::FromJson(absl::string_view text, absl::string_view where) {
  const Json json = ParseOrderedJson(text);
  if (!json.is_object() || json.value("format", Json()) != kFormat) {
    return Error(absl::StatusCode::kInvalidArgument, "this does not describe a router", where,
                 "give the router.json that a router step wrote");
  }
  const Json version = json.value("version", Json());
  if (!version.is_number_unsigned() || version.get<uint64_t>() > kVersion) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("router version ", version.dump(), " is not known"), where,
                 "use a newer Grouter");
  }
  RouterSpec spec;
  std::vector<std::string> problems;
  {
    Fields fields(&json, "router", &problems);
    fields.Find("format");
    fields.Find("version");
    {
      Fields shape(fields.Find("shape"), "shape", &problems);
      shape.Read("vocab_size", &spec.shape.vocab_size);
      shape.Read("hidden_size", &spec.shape.hidden_size);
      shape.Read("num_blocks", &spec.shape.num_blocks);
      shape.Read("num_heads", &spec.shape.num_heads);
      shape.Read("mlp_size", &spec.shape.mlp_size);
      shape.Read("num_experts", &spec.shape.num_experts);
      shape.Read("rms_norm_eps", &spec.shape.rms_norm_eps);
      shape.Read("rope_theta", &spec.shape.rope_theta);
    }
    {
      Fields gate(fields.Find("gate"), "gate", &problems);
      gate.Read("k", &spec.gate.k);
      gate.Read("scoring", kScoringNames, &spec.gate.scoring);
      gate.Read("scaling_factor", &spec.gate.scaling_factor);
    }
    fields.Read("causality", kCausalityNames, &spec.causality);
    fields.Read("causality_established", &spec.causality_established);
    fields.Read("cross_document", &spec.cross_document);
    ReadDigest(&fields, "tokenizer_digest", &spec.tokenizer_digest, &problems);
    const Json* history = fields.Find("history");
    if (history != nullptr && history->is_array()) {
      for (const Json& step : *history) spec.history.push_back(step.dump());
    } else if (history != nullptr) {
      problems.push_back("history is not a list");
    }
  }
  GROUTER_RETURN_IF_ERROR(Refuse(problems, where));
  GROUTER_RETURN_IF_ERROR(Annotate(spec.Validate(), where));
  return spec;
}

}  // namespace grouter
