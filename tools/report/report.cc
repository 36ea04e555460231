#include "tools/report/report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/json.h"
#include "tools/command/terminal.h"
#include "tools/report/number_rows.h"
#include "tools/report/page.h"
#include "tools/report/run_metrics.h"
#include "tools/report/timeline.h"
#include "tools/report/verdict.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kLargestFile = uint64_t{1} << 30;

absl::StatusOr<RunMetrics> ReadMetrics(FileSystem& files, const std::string& run) {
  const std::string path = JoinPath(run, "metrics.jsonl");
  GROUTER_ASSIGN_OR_RETURN(const std::string lines, files.ReadFile(path, kLargestFile));
  return ParseMetrics(lines, path);
}

// The events of all ranks; rank 0 writes timeline.json, the others timeline.rankN.json.
absl::StatusOr<std::vector<TimelineEvent>> ReadTimelines(FileSystem& files, const std::string& run) {
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(run));
  std::vector<TimelineEvent> all;
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, "timeline.") || !absl::EndsWith(name, ".json")) continue;
    const std::string path = JoinPath(run, name);
    GROUTER_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(path, kLargestFile));
    GROUTER_ASSIGN_OR_RETURN(std::vector<TimelineEvent> events, ParseTimeline(text, path));
    std::move(events.begin(), events.end(), std::back_inserter(all));
  }
  return all;
}

absl::StatusOr<std::map<std::string, Json>> ReadResults(FileSystem& files, const std::string& folder) {
  std::map<std::string, Json> results;
  if (folder.empty()) return results;
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder));
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".json")) continue;
    const std::string path = JoinPath(folder, name);
    GROUTER_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(path, kLargestFile));
    Json json = ParseJson(text);
    // A step may print nothing; what it prints is JSON.
    if (!json.is_discarded()) results[name.substr(0, name.size() - 5)] = std::move(json);
  }
  return results;
}

Json Curve(const std::string& name, const std::string& color, bool dashed, const RunMetrics& run) {
  Json points = Json::array();
  for (const ValidationPoint& point : run.validation) points.push_back({point.tokens, point.loss});
  return {{"name", name}, {"color", color}, {"dashed", dashed}, {"points", points}};
}

// {"values": [selections of each expert], "note"}, from `grouter table stats --json`.
Json Load(const Json& stats) {
  const Json& groups = stats.at("layer_groups");
  std::vector<uint64_t> values;
  for (const Json& group : groups) {
    const std::vector<uint64_t> load = group.at("load").get<std::vector<uint64_t>>();
    values.resize(std::max(values.size(), load.size()));
    for (size_t i = 0; i < load.size(); ++i) values[i] += load[i];
  }
  const uint64_t top = *std::max_element(values.begin(), values.end());
  uint64_t total = 0;
  for (uint64_t value : values) total += value;
  const double mean = static_cast<double>(total) / static_cast<double>(values.size());
  return {{"values", values},
          {"note",
           absl::StrFormat("Token selections of each expert in the routing table, as a multiple of the mean. "
                           "The busiest expert has %.2f times the mean (MaxVio %.2f).",
                           static_cast<double>(top) / mean, static_cast<double>(top) / mean - 1)}};
}

uint64_t OffDiagonal(const Json& matrix) {
  uint64_t sum = 0;
  for (size_t from = 0; from < matrix.size(); ++from) {
    for (size_t to = 0; to < matrix[from].size(); ++to) {
      if (from != to) sum += matrix[from][to].get<uint64_t>();
    }
  }
  return sum;
}

Json Traffic(const Json& place) {
  Json traffic = place.at("traffic");
  const uint64_t before = OffDiagonal(traffic.at("before")), after = OffDiagonal(traffic.at("after"));
  const std::string unit = traffic.at("unit").get<std::string>();
  const double change = before == 0 ? 0
                                    : 100 * (static_cast<double>(after) - static_cast<double>(before)) /
                                          static_cast<double>(before);
  traffic["note"] = absl::StrFormat(
      "In %s that the tokens of %s steps send, all layers together. Dashed: stays on its rank. Between "
      "ranks: "
      "%s before, %s as "
      "placed (%+.1f %%).",
      unit, Grouped(traffic.value("steps", uint64_t{0})), Grouped(before), Grouped(after), change);
  return traffic;
}

Json Timeline(const std::vector<TimelineEvent>& all) {
  const TimelineWindow window = MiddleStep(all);
  Json events = Json::array();
  std::map<uint32_t, bool> ranks;
  for (const TimelineEvent& event : window.events) {
    ranks[event.rank] = true;
    events.push_back({{"step", event.step},
                      {"rank", event.rank},
                      {"layer", event.layer},
                      {"chunk", event.chunk},
                      {"kind", event.kind},
                      {"begin_us", event.begin_us},
                      {"end_us", event.end_us}});
  }
  std::string note = absl::StrFormat(
      "Step %d of the run with the routing table. \"plan\" is work for later steps, done ahead; "
      "\"other\" is attention, gate, loss, dense gradients and optimizer.",
      window.step);
  for (const auto& rank : ranks) {
    absl::StrAppend(&note, absl::StrFormat(" Rank %d computed during %.0f %% of its dispatch and combine.",
                                           rank.first, 100 * OverlappedShare(window.events, rank.first)));
  }
  return {{"length_us", window.length_us}, {"events", events}, {"note", note}};
}

Json Numbers(const RunMetrics& table, const RunMetrics& learned, const std::map<std::string, Json>& results) {
  Json numbers = Json::array();
  const auto both = [&](const std::string& name, const std::string& a, const std::string& b) {
    numbers.push_back({{"group", "The two runs"}, {"name", name}, {"value", a}, {"learned", b}});
  };
  const auto loss = [](const RunMetrics& run) {
    return run.validation.empty() ? std::string("none") : absl::StrFormat("%.4f", run.validation.back().loss);
  };
  both("validation loss at the end (nats a token)", loss(table), loss(learned));
  both("training loss, first step", absl::StrFormat("%.4f", table.first_loss),
       absl::StrFormat("%.4f", learned.first_loss));
  both("training loss, last step", absl::StrFormat("%.4f", table.last_loss),
       absl::StrFormat("%.4f", learned.last_loss));
  both("steps", Grouped(table.num_steps), Grouped(learned.num_steps));
  both("tokens", Grouped(table.num_tokens), Grouped(learned.num_tokens));
  both("tokens a second (median)", Grouped(static_cast<uint64_t>(table.tokens_per_second)),
       Grouped(static_cast<uint64_t>(learned.tokens_per_second)));
  both("step (median, ms)", absl::StrFormat("%.1f", table.step_ms), absl::StrFormat("%.1f", learned.step_ms));
  both("waiting for plans (mean, ms a step)", absl::StrFormat("%.3f", table.plan_wait_ms),
       absl::StrFormat("%.3f", learned.plan_wait_ms));
  const auto find = [&results](const std::string& step) -> const Json* {
    const auto it = results.find(step);
    return it == results.end() ? nullptr : &it->second;
  };
  for (const NumberRow& row : NumberRows(find)) {
    numbers.push_back({{"group", row.group}, {"name", row.name}, {"value", row.value}});
  }
  return numbers;
}

}  // namespace

absl::StatusOr<std::string> MakeReport(const ReportInputs& inputs, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const RunMetrics table, ReadMetrics(files, inputs.table_run));
  GROUTER_ASSIGN_OR_RETURN(const RunMetrics learned, ReadMetrics(files, inputs.learned_run));
  GROUTER_ASSIGN_OR_RETURN(const std::vector<TimelineEvent> timeline, ReadTimelines(files, inputs.table_run));
  GROUTER_ASSIGN_OR_RETURN(auto results, ReadResults(files, inputs.results));
  Json data = {
      {"title", inputs.title},
      {"subtitle", inputs.subtitle},
      {"verdict", Verdict(table, learned)},
      {"curves",
       {Curve("routing table", "table", false, table), Curve("learned router", "learned", true, learned)}},
      {"timeline", Timeline(timeline)},
      {"numbers", Numbers(table, learned, results)}};
  try {
    if (results.count("stats") > 0) data["load"] = Load(results["stats"]);
    if (results.count("place") > 0) data["traffic"] = Traffic(results["place"]);
  } catch (const Json::exception& error) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("a step's result lacks a field: ", error.what()), inputs.results,
                 "run the pipeline again");
  }
  return ReportPage(data.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace grouter
