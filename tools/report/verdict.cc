#include "tools/report/verdict.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "tools/command/terminal.h"

namespace grouter {
namespace {

constexpr double kSameLoss = 0.005;
constexpr double kSameSpeed = 0.03;

std::string Loss(const RunMetrics& table, const RunMetrics& learned) {
  const double a = table.validation.back().loss, b = learned.validation.back().loss;
  if (!std::isfinite(a) || !std::isfinite(b)) {
    return absl::StrFormat("%s not end with a finite validation loss.",
                           !std::isfinite(a) && !std::isfinite(b) ? "Both runs did"
                           : !std::isfinite(a)                    ? "The run with the routing table did"
                                                                  : "The learned router's run did");
  }
  const std::string numbers =
      absl::StrFormat("%.4f against %.4f after %s tokens", a, b, Grouped(table.validation.back().tokens));
  const double difference = (b - a) / b;
  if (std::fabs(difference) < kSameLoss) {
    return absl::StrFormat(
        "Neither run won: the validation losses differ by less than 0.5 %% (the table's first: %s).",
        numbers);
  }
  if (difference > 0) {
    return absl::StrFormat(
        "The routing table won: its validation loss is %.1f %% below the learned router's (%s).",
        100 * difference, numbers);
  }
  return absl::StrFormat(
      "The baseline won: the routing table's validation loss is %.1f %% above the learned router's (%s).",
      -100 * difference, numbers);
}

std::string Data(const RunMetrics& table, const RunMetrics& learned) {
  const double goal = learned.validation.back().loss;
  const absl::optional<uint64_t> tokens = TokensToReach(table, goal);
  if (!tokens.has_value()) {
    return absl::StrFormat("With the routing table, the learned router's final loss (%.4f) was not reached.",
                           goal);
  }
  const uint64_t all = learned.validation.back().tokens;
  return absl::StrFormat(
      "With the routing table, the learned router's final loss (%.4f) was reached after %s tokens, %.0f %% "
      "of its data.",
      goal, Grouped(*tokens), 100.0 * static_cast<double>(*tokens) / static_cast<double>(all));
}

std::string Speed(const RunMetrics& table, const RunMetrics& learned) {
  const double ratio = table.tokens_per_second / learned.tokens_per_second;
  const std::string numbers =
      absl::StrFormat("%s against %s tokens/s", Grouped(static_cast<uint64_t>(table.tokens_per_second)),
                      Grouped(static_cast<uint64_t>(learned.tokens_per_second)));
  if (std::fabs(ratio - 1) < kSameSpeed)
    return "Both runs were equally fast on this machine (" + numbers + ").";
  return absl::StrFormat("The run with the routing table was %.0f %% %s on this machine (%s).",
                         100 * std::fabs(ratio - 1), ratio > 1 ? "faster" : "slower", numbers);
}

}  // namespace

std::vector<std::string> Verdict(const RunMetrics& table, const RunMetrics& learned) {
  std::vector<std::string> sentences;
  if (!table.validation.empty() && !learned.validation.empty()) {
    sentences.push_back(Loss(table, learned));
    if (std::isfinite(learned.validation.back().loss)) sentences.push_back(Data(table, learned));
  } else {
    sentences.push_back("A run has no validation, so the losses cannot be compared.");
  }
  if (table.tokens_per_second > 0 && learned.tokens_per_second > 0)
    sentences.push_back(Speed(table, learned));
  sentences.push_back(
      absl::StrFormat("Waiting for plans took %.2f ms of a %.0f ms step on average (longest %.2f ms).",
                      table.plan_wait_ms, table.step_ms, table.max_plan_wait_ms));
  sentences.push_back(
      "One seed, a small model and a short run: this shows that the parts work together, not how large "
      "models behave.");
  return sentences;
}

}  // namespace grouter
