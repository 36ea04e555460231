#include "trainer/config.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

// Reads named fields of one object and remembers which it knows; the rest is a problem.
class Fields {
 public:
  Fields(const Json& json, std::string path, std::vector<std::string>* problems)
      : json_(json), path_(std::move(path)), problems_(*problems) {
    if (!json_.is_object()) Problem("", "is not an object");
  }
  ~Fields() {
    if (!json_.is_object()) return;
    for (auto it = json_.begin(); it != json_.end(); ++it) {
      if (known_.count(it.key()) == 0) Problem(it.key(), "is not a field of a trainer's configuration");
    }
  }
  void Read(const char* name, std::string* value) {
    if (const Json* json = Get(name, &Json::is_string, "a string")) *value = json->get<std::string>();
  }
  void Read(const char* name, bool* value) {
    if (const Json* json = Get(name, &Json::is_boolean, "true or false")) *value = json->get<bool>();
  }
  void Read(const char* name, double* value) {
    if (const Json* json = Get(name, &Json::is_number, "a number")) *value = json->get<double>();
  }
  void Read(const char* name, uint64_t* value) {
    if (const Json* json = Get(name, &Json::is_number_unsigned, "a whole number"))
      *value = json->get<uint64_t>();
  }
  void Read(const char* name, uint32_t* value) {
    uint64_t wide = *value;
    Read(name, &wide);
    if (wide > UINT32_MAX) Problem(name, "is too large");
    *value = static_cast<uint32_t>(wide);
  }
  void Read(const char* name, std::vector<std::string>* values) {
    const Json* json = Get(name, &Json::is_array, "an array of strings");
    if (json == nullptr) return;
    values->clear();
    for (const Json& element : *json) {
      if (!element.is_string()) return Problem(name, "is not an array of strings");
      values->push_back(element.get<std::string>());
    }
  }
  void ReadSeconds(const char* name, std::chrono::milliseconds* value) {
    double seconds = static_cast<double>(value->count()) / 1000;
    Read(name, &seconds);
    if (!(seconds > 0) || seconds > 1e6) return Problem(name, "is not a positive number of seconds");
    *value = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  const Json* Find(const char* name) {
    known_.insert(name);
    if (!json_.is_object()) return nullptr;
    const auto it = json_.find(name);
    return it == json_.end() ? nullptr : &*it;
  }
  void Problem(absl::string_view name, absl::string_view what) {
    problems_.push_back(absl::StrCat(path_, name, " ", what));
  }

 private:
  const Json* Get(const char* name, bool (Json::*is)() const noexcept, const char* what) {
    const Json* json = Find(name);
    if (json == nullptr || (json->*is)()) return json;
    Problem(name, absl::StrCat("is not ", what));
    return nullptr;
  }
  const Json& json_;
  const std::string path_;
  std::vector<std::string>& problems_;
  std::set<std::string> known_;
};

void ReadPlans(const Json& json, const std::string& path, std::vector<std::string>* problems,
               PlansConfig* plans) {
  Fields fields(json, path, problems);
  fields.Read("job", &plans->job);
  fields.Read("tables", &plans->tables);
  fields.Read("schedule", &plans->schedule);
  fields.Read("servers", &plans->servers);
  fields.Read("tls_ca", &plans->credentials.tls_ca);
  fields.Read("tls_cert", &plans->credentials.tls_cert);
  fields.Read("tls_key", &plans->credentials.tls_key);
  fields.Read("token_file", &plans->credentials.token_file);
  fields.Read("plans_ahead", &plans->plans_ahead);
  fields.ReadSeconds("server_timeout", &plans->server_timeout);
}

}  // namespace

absl::Status TrainerConfig::Validate() const {
  std::vector<std::string> problems;
  const absl::Status model_status = model.Validate();
  if (!model_status.ok()) problems.emplace_back(model_status.message());
  if (datasets.empty()) problems.push_back("datasets names no dataset");
  for (const DatasetConfig& dataset : datasets) {
    if (dataset.prefix.empty() || dataset.sample_index.empty()) {
      problems.push_back("a dataset needs prefix and sample_index");
    }
  }
  if (out.empty()) problems.push_back("out names no folder");
  if (mode == RoutingMode::kPlan && train.job.empty()) problems.push_back("mode plan needs train.job");
  if (train.job.empty() && batch.samples_per_step == 0) {
    problems.push_back("without train.job, batch.samples_per_step must be above 0");
  }
  if (batch.num_micro_batches == 0 || batch.num_chunks == 0) {
    problems.push_back("batch.num_micro_batches and batch.num_chunks must be above 0");
  }
  if (!(optimizer.learning_rate >= 0)) problems.push_back("optimizer.learning_rate must not be negative");
  if (problems.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "), "trainer configuration",
               "docs/trainer.md lists the fields");
}

absl::StatusOr<TrainerConfig> TrainerConfig::FromJson(absl::string_view text, absl::string_view where) {
  const Json json = ParseJson(text);
  if (json.is_discarded()) {
    return Error(absl::StatusCode::kInvalidArgument, "not JSON", where, "correct the file");
  }
  TrainerConfig config;
  std::vector<std::string> problems;
  {
    Fields fields(json, "", &problems);
    std::string mode = "plan";
    fields.Read("mode", &mode);
    if (mode != "plan" && mode != "learned") problems.push_back("mode is neither plan nor learned");
    config.mode = mode == "learned" ? RoutingMode::kLearned : RoutingMode::kPlan;
    std::string device = "cpu";
    fields.Read("device", &device);
    if (device != "cpu" && device != "cuda") problems.push_back("device is neither cpu nor cuda");
    config.device = device == "cuda" ? DeviceKind::kCuda : DeviceKind::kCpu;
    if (const Json* model = fields.Find("model")) {
      auto parsed = ModelConfig::FromJson(model->dump(), "model");
      if (parsed.ok()) {
        config.model = *parsed;
      } else {
        problems.emplace_back(parsed.status().message());
      }
    } else {
      problems.push_back("model is missing");
    }
    if (const Json* datasets = fields.Find("datasets")) {
      if (!datasets->is_array()) problems.push_back("datasets is not an array");
      for (size_t i = 0; datasets->is_array() && i < datasets->size(); ++i) {
        Fields entry((*datasets)[i], absl::StrCat("datasets[", i, "]."), &problems);
        DatasetConfig dataset;
        entry.Read("prefix", &dataset.prefix);
        entry.Read("sample_index", &dataset.sample_index);
        config.datasets.push_back(std::move(dataset));
      }
    }
    if (const Json* plans = fields.Find("train")) ReadPlans(*plans, "train.", &problems, &config.train);
    if (const Json* plans = fields.Find("valid")) ReadPlans(*plans, "valid.", &problems, &config.valid);
    fields.Read("train_split", &config.train_split);
    fields.Read("valid_split", &config.valid_split);
    if (const Json* batch = fields.Find("batch")) {
      Fields entry(*batch, "batch.", &problems);
      entry.Read("samples_per_step", &config.batch.samples_per_step);
      entry.Read("num_micro_batches", &config.batch.num_micro_batches);
      entry.Read("num_chunks", &config.batch.num_chunks);
    }
    if (const Json* optimizer = fields.Find("optimizer")) {
      Fields entry(*optimizer, "optimizer.", &problems);
      entry.Read("learning_rate", &config.optimizer.learning_rate);
      entry.Read("min_learning_rate", &config.optimizer.min_learning_rate);
      entry.Read("warmup_steps", &config.optimizer.warmup_steps);
      entry.Read("beta1", &config.optimizer.beta1);
      entry.Read("beta2", &config.optimizer.beta2);
      entry.Read("epsilon", &config.optimizer.epsilon);
      entry.Read("weight_decay", &config.optimizer.weight_decay);
      entry.Read("clip_norm", &config.optimizer.clip_norm);
    }
    fields.Read("balance_coefficient", &config.balance_coefficient);
    fields.Read("z_coefficient", &config.z_coefficient);
    fields.Read("seed", &config.seed);
    fields.Read("num_steps", &config.num_steps);
    fields.Read("eval_interval", &config.eval_interval);
    fields.Read("eval_steps", &config.eval_steps);
    fields.Read("checkpoint_interval", &config.checkpoint_interval);
    fields.Read("stop_after", &config.stop_after);
    fields.Read("out", &config.out);
    fields.Read("resume", &config.resume);
    fields.Read("num_resident_experts", &config.num_resident_experts);
    fields.Read("backing_in_file", &config.backing_in_file);
    fields.Read("num_threads", &config.num_threads);
    fields.Read("timeline_steps", &config.timeline_steps);
    fields.ReadSeconds("collective_timeout", &config.collective_timeout);
  }
  if (!problems.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "), where,
                 "docs/trainer.md lists the fields");
  }
  return config;
}

}  // namespace grouter
