#include "tools/report/number_rows.h"

#include "absl/strings/str_format.h"
#include "tools/command/terminal.h"

namespace grouter {
namespace {

enum class Form { kCount, kBytes, kPercent, kFixed2, kFixed4, kMilliseconds };

struct Field {
  const char* group;
  const char* name;
  const char* step;
  const char* pointer;
  Form form;
};

constexpr Field kFields[] = {
    {"Corpus", "documents", "corpus", "/documents", Form::kCount},
    {"Corpus", "bytes of text", "corpus", "/bytes", Form::kBytes},
    {"Corpus", "tokens", "tokenize", "/tokens", Form::kCount},
    {"Corpus", "samples for training", "index", "/train_samples", Form::kCount},
    {"Corpus", "samples for validation", "index", "/valid_samples", Form::kCount},
    {"Router", "teacher: routes that stayed equal between its last checkpoints", "teacher",
     "/route_exact_match/0", Form::kPercent},
    {"Router", "distilled: KL from the teacher's first MoE layer, held out (nats)", "distill", "/valid_kl",
     Form::kFixed4},
    {"Router", "distilled: top-k recall, held out", "distill", "/recall", Form::kPercent},
    {"Router", "a table by token id alone: top-k recall, held out", "distill", "/static_recall",
     Form::kPercent},
    {"Router", "MaxVio after folding, before tuning", "tune", "/max_vio_before", Form::kFixed2},
    {"Router", "MaxVio after tuning", "tune", "/max_vio_after", Form::kFixed2},
    {"Router", "audit: routes that changed when later tokens were replaced", "audit", "/changed_ids",
     Form::kCount},
    {"Routing table", "MaxVio", "stats", "/layer_groups/0/max_vio", Form::kFixed2},
    {"Routing table", "balancedness over ranks, experts in order", "stats", "/layer_groups/0/balancedness",
     Form::kPercent},
    {"Routing table", "bytes a token", "route", "/bytes_per_token", Form::kFixed2},
    {"Routing table", "tokens routed a second", "route", "/tokens_per_second", Form::kCount},
    {"Placement", "predicted step, dealt in order (ms)", "place", "/contiguous_step_ns", Form::kMilliseconds},
    {"Placement", "predicted step, as placed (ms)", "place", "/predicted_step_ns", Form::kMilliseconds},
};

std::string Shown(const nlohmann::json& value, Form form) {
  switch (form) {
    case Form::kCount:
      return Grouped(value.get<uint64_t>());
    case Form::kBytes:
      return HumanBytes(value.get<uint64_t>());
    case Form::kPercent:
      return absl::StrFormat("%.1f %%", 100 * value.get<double>());
    case Form::kFixed2:
      return absl::StrFormat("%.2f", value.get<double>());
    case Form::kFixed4:
      return absl::StrFormat("%.4f", value.get<double>());
    case Form::kMilliseconds:
      return absl::StrFormat("%.3f", value.get<double>() / 1e6);
  }
  return "";
}

}  // namespace

std::vector<NumberRow> NumberRows(const StepResults& results) {
  std::vector<NumberRow> rows;
  for (const Field& field : kFields) {
    const nlohmann::json* result = results(field.step);
    if (result == nullptr) continue;
    const nlohmann::json::json_pointer pointer(field.pointer);
    if (!result->contains(pointer) || !result->at(pointer).is_number()) continue;
    rows.push_back({field.group, field.name, Shown(result->at(pointer), field.form)});
  }
  return rows;
}

}  // namespace grouter
