#include "tools/server/stats_text.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/command/terminal.h"

namespace grouter {
namespace {

constexpr int kWidestMatrix = 16;
constexpr size_t kDigestDigits = 12;  // enough for every call that takes a prefix

std::string Short(const std::string& digest) { return digest.substr(0, kDigestDigits); }

void AppendServer(const v1::ServerStats& server, std::string* text) {
  absl::StrAppend(text, "server ", server.version(), ": up ", HumanSeconds(server.uptime_seconds()),
                  server.draining() ? ", draining" : "", "; ", Grouped(server.connections()),
                  " connections (", Grouped(server.connections_refused()), " refused), ",
                  Grouped(server.open_streams()), " streams (", Grouped(server.streams_evicted()),
                  " evicted)\n");
  const uint64_t asked = server.plan_cache_hits() + server.plan_cache_misses();
  absl::StrAppend(text, "  plans: ", Grouped(server.plan_messages_sent()), " messages, ",
                  HumanBytes(server.payload_bytes_sent()), " sent; cache ",
                  HumanBytes(server.plan_cache_bytes()), " of ",
                  HumanBytes(server.plan_cache_capacity_bytes()));
  if (asked > 0) {
    absl::StrAppend(text, absl::StrFormat(", %.1f %% of %s found there",
                                          100.0 * server.plan_cache_hits() / asked, Grouped(asked)));
  }
  absl::StrAppend(text, "; ", HumanSeconds(server.plan_make_seconds()), " spent making plans\n");
  for (const v1::RejectCount& reject : server.rejects()) {
    if (reject.count() > 0)
      absl::StrAppend(text, "  rejected: ", Grouped(reject.count()), " ", reject.reason(), "\n");
  }
}

void AppendMatrix(const char* what, const google::protobuf::RepeatedPtrField<v1::TrafficRow>& rows,
                  std::string* text) {
  if (rows.empty() || rows.size() > kWidestMatrix) return;
  std::vector<std::vector<std::string>> cells;
  size_t width = 1;
  for (const v1::TrafficRow& row : rows) {
    cells.emplace_back();
    for (const uint64_t value : row.rows()) {
      cells.back().push_back(Grouped(value));
      width = std::max(width, cells.back().back().size());
    }
  }
  absl::StrAppend(text, "  rows from each ", what, " (line) to each:\n");
  for (size_t from = 0; from < cells.size(); ++from) {
    absl::StrAppend(text, absl::StrFormat("  %5d", from));
    for (const std::string& cell : cells[from]) absl::StrAppend(text, absl::StrFormat("  %*s", width, cell));
    absl::StrAppend(text, "\n");
  }
}

void AppendJob(const v1::JobStats& job, std::string* text) {
  absl::StrAppend(text, "job ", Short(job.digest()), job.label().empty() ? "" : " ", job.label(), ": ",
                  Grouped(job.num_steps()), " steps, ",
                  job.has_newest_step_planned()
                      ? absl::StrCat("planned up to ", Grouped(job.newest_step_planned()))
                      : "none planned",
                  job.causal_tables() ? "" : "; its tables see later tokens", "\n");
  if (job.steps_counted() > 0) {
    absl::StrAppend(
        text,
        absl::StrFormat("  %s steps counted: %.1f %% of rows stay on their rank, %.1f %% on their "
                        "node\n",
                        Grouped(job.steps_counted()), 100 * job.local_share(), 100 * job.node_local_share()));
  }
  for (const v1::ExpertLoad& load : job.expert_load()) {
    absl::StrAppend(text, absl::StrFormat("  layer group %d: MaxVio %.3f, balancedness %.3f",
                                          load.layer_group(), load.max_vio(), load.rank_balancedness()));
    if (load.tokens_per_expert_size() > 0) {
      const auto busiest = std::max_element(load.tokens_per_expert().begin(), load.tokens_per_expert().end());
      absl::StrAppend(text, "; busiest expert ", busiest - load.tokens_per_expert().begin(), " with ",
                      Grouped(*busiest), " tokens");
    }
    absl::StrAppend(text, "\n");
  }
  AppendMatrix("rank", job.rows_between_ranks(), text);
  if (job.rows_between_nodes_size() > 1) AppendMatrix("node", job.rows_between_nodes(), text);
  if (job.has_plan_lead_seconds()) {
    absl::StrAppend(text,
                    absl::StrFormat("  plans lead their step by %.3f s (median)\n", job.plan_lead_seconds()));
  }
  for (const v1::WorkerStats& worker : job.workers()) {
    absl::StrAppend(text, "  rank ", worker.rank(), " ", worker.worker(), ": ",
                    worker.has_step_finished() ? absl::StrCat("finished step ", worker.step_finished())
                                               : "no step finished",
                    ", sent ", worker.step_sent(), "; credit ", HumanBytes(worker.credit_bytes()),
                    absl::StrFormat(", stalled %.3f s\n", worker.stalled_seconds()));
  }
}

}  // namespace

std::string StatsText(const v1::GetStatsResponse& stats) {
  std::string text;
  AppendServer(stats.server(), &text);
  for (const v1::JobStats& job : stats.jobs()) AppendJob(job, &text);
  for (const v1::TableStats& table : stats.tables()) {
    absl::StrAppend(&text, "table ", Short(table.digest()), ": ", Grouped(table.num_tokens()), " tokens, ",
                    HumanBytes(table.stored_bytes()), ", ", table.num_jobs(), " jobs",
                    table.damage().empty() ? "" : "; DAMAGED: ", table.damage(), "\n");
  }
  return text;
}

std::string StatsJson(const v1::GetStatsResponse& stats) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails for malformed UTF-8 alone, which a parsed message cannot hold.
  (void)google::protobuf::util::MessageToJsonString(stats, &json, options).ok();
  return json;
}

}  // namespace grouter
