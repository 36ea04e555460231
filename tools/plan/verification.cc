#include "tools/plan/verification.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

std::string ForPeople(const VerifyReport& report, const StepRange& range) {
  std::string text =
      absl::StrCat("steps ", range.first, " to ", range.last, ": ", Grouped(report.num_samples), " samples, ",
                   Grouped(report.num_tokens), " tokens, ", Grouped(report.num_pairs),
                   " (token, expert) pairs, ", Grouped(report.num_transfers), " transfers between ranks\n");
  for (const std::string& finding : report.findings) absl::StrAppend(&text, "  ", finding, "\n");
  absl::StrAppend(&text, report.findings.empty() ? "every plan of every rank holds\n"
                                                 : absl::StrCat(report.findings.size(), " finding(s), after ",
                                                                report.num_steps, " step(s)\n"));
  return text;
}

}  // namespace

absl::StatusOr<int> VerifyAndTell(const BatchPlanner& planner,
                                  const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                  PlansUnderTest plans, const StepRange& range, uint64_t max_findings,
                                  Terminal& terminal) {
  const auto progress = terminal.Progress("verifying", "steps");
  const auto step_part = std::move(plans.step_part);
  plans.step_part = [&](uint64_t step, uint32_t rank) {
    progress(step - range.first, range.last - range.first + 1);
    return step_part(step, rank);
  };
  GROUTER_ASSIGN_OR_RETURN(
      const VerifyReport report,
      VerifyPlans(planner.spec(), tables, planner.schedule(), plans, range.first, range.last, max_findings));
  const nlohmann::json json = {{"job", planner.job_digest().Hex()}, {"first_step", range.first},
                               {"last_step", range.last},           {"steps", report.num_steps},
                               {"samples", report.num_samples},     {"tokens", report.num_tokens},
                               {"pairs", report.num_pairs},         {"transfers", report.num_transfers},
                               {"findings", report.findings}};
  terminal.Result(ForPeople(report, range), json.dump());
  return report.findings.empty() ? 0 : 1;
}

}  // namespace grouter
