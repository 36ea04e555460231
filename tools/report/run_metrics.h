// What a training run wrote about itself: metrics.jsonl.
#ifndef GROUTER_TOOLS_REPORT_RUN_METRICS_H_
#define GROUTER_TOOLS_REPORT_RUN_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace grouter {

struct ValidationPoint {
  uint64_t tokens = 0;  // trained on before this validation
  double loss = 0;      // nats a token, over the whole validation split
};

struct RunMetrics {
  std::vector<ValidationPoint> validation;  // ascending by tokens
  uint64_t num_steps = 0;
  uint64_t num_tokens = 0;
  double tokens_per_second = 0;  // median over the steps
  double step_ms = 0;            // median
  double plan_wait_ms = 0;       // mean over the steps
  double max_plan_wait_ms = 0;
  double first_loss = 0;
  double last_loss = 0;
};

// Lines of JSON: {"step", "tokens", "train_loss", "step_ms", "plan_wait_ms", "tokens_per_s"} for steps and
// {"step", "tokens", "valid_loss"} for validations; other fields are ignored. A run that was resumed repeats
// steps: the last line of a step counts. INVALID_ARGUMENT with the line for anything else or when empty.
absl::StatusOr<RunMetrics> ParseMetrics(absl::string_view lines, absl::string_view where);

// The tokens at which `run` first is at or below `loss`, linear between its points; nothing if never.
absl::optional<uint64_t> TokensToReach(const RunMetrics& run, double loss);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_RUN_METRICS_H_
