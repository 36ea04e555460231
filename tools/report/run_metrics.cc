#include "tools/report/run_metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "io/error.h"

namespace grouter {
namespace {

struct StepLine {
  uint64_t tokens = 0;
  double loss = 0, step_ms = 0, plan_wait_ms = 0, tokens_per_second = 0;
};

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// A number, null (a loss that was not finite) as NaN, or 0 when absent.
double Number(const nlohmann::json& line, const char* name) {
  const auto it = line.find(name);
  if (it == line.end()) return 0;
  return it->is_null() ? std::nan("") : it->get<double>();
}

}  // namespace

absl::StatusOr<RunMetrics> ParseMetrics(absl::string_view lines, absl::string_view where) {
  std::map<uint64_t, StepLine> steps;
  std::map<uint64_t, ValidationPoint> validations;
  size_t number = 0;
  for (const absl::string_view text : absl::StrSplit(lines, '\n')) {
    ++number;
    if (text.empty()) continue;
    try {
      const nlohmann::json line = nlohmann::json::parse(text.begin(), text.end());
      const uint64_t step = line.at("step").get<uint64_t>();
      const uint64_t tokens = line.at("tokens").get<uint64_t>();
      if (line.contains("valid_loss")) {
        validations[step] = {tokens, Number(line, "valid_loss")};
      } else {
        steps[step] = {tokens, Number(line, "train_loss"), Number(line, "step_ms"),
                       Number(line, "plan_wait_ms"), Number(line, "tokens_per_s")};
      }
    } catch (const nlohmann::json::exception& error) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("not a line of training metrics: ", error.what()),
                   absl::StrCat(where, ":", number), "give the metrics.jsonl of a training run");
    }
  }
  if (steps.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "no training step in it", where,
                 "give the metrics.jsonl of a training run");
  }
  RunMetrics run;
  for (const auto& validation : validations) run.validation.push_back(validation.second);
  std::vector<double> step_ms, rates;
  double wait = 0;
  for (const auto& step : steps) {
    step_ms.push_back(step.second.step_ms);
    rates.push_back(step.second.tokens_per_second);
    wait += step.second.plan_wait_ms;
    run.max_plan_wait_ms = std::max(run.max_plan_wait_ms, step.second.plan_wait_ms);
  }
  run.num_steps = steps.size();
  run.num_tokens = steps.rbegin()->second.tokens;
  run.first_loss = steps.begin()->second.loss;
  run.last_loss = steps.rbegin()->second.loss;
  run.step_ms = Median(step_ms);
  run.tokens_per_second = Median(rates);
  run.plan_wait_ms = wait / static_cast<double>(steps.size());
  return run;
}

absl::optional<uint64_t> TokensToReach(const RunMetrics& run, double loss) {
  for (size_t i = 0; i < run.validation.size(); ++i) {
    const ValidationPoint& here = run.validation[i];
    if (!(here.loss <= loss)) continue;
    if (i == 0) return here.tokens;
    const ValidationPoint& before = run.validation[i - 1];
    const double share = before.loss > here.loss ? (before.loss - loss) / (before.loss - here.loss) : 1;
    return before.tokens + static_cast<uint64_t>(share * static_cast<double>(here.tokens - before.tokens));
  }
  return absl::nullopt;
}

}  // namespace grouter
