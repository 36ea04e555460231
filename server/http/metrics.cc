#include "server/http/metrics.h"

#include <utility>
#include <vector>

#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"

namespace grouter {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  void Add(const std::string& name, const char* help, MetricType type, const Labels& labels, double value) {
    if (families_.empty() || families_.back().name != name) {
      families_.push_back({name, help, type, {}});
    }
    ClientMetric metric;
    metric.label = labels;
    if (type == MetricType::Counter) metric.counter.value = value;
    if (type == MetricType::Gauge) metric.gauge.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void AddServer(const v1::ServerStats& server, Families* out) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    out->Add(name, help, MetricType::Gauge, {}, value);
  };
  const auto counter = [&](const char* name, const char* help, double value) {
    out->Add(name, help, MetricType::Counter, {}, value);
  };
  gauge("grouter_uptime_seconds", "Time since the server started", server.uptime_seconds());
  gauge("grouter_draining", "1 while the server drains", server.draining() ? 1 : 0);
  gauge("grouter_connections", "Open connections", server.connections());
  counter("grouter_connections_refused_total", "Connections refused before gRPC saw them",
          server.connections_refused());
  gauge("grouter_open_streams", "Open GetPlan and StreamPlans calls", server.open_streams());
  counter("grouter_streams_evicted_total", "Readers that accepted no byte with credit open",
          server.streams_evicted());
  counter("grouter_payload_bytes_total", "Plan payload sent", server.payload_bytes_sent());
  counter("grouter_plan_messages_total", "Messages with plan frames sent", server.plan_messages_sent());
  gauge("grouter_plan_cache_bytes", "Memory of cached plans", server.plan_cache_bytes());
  gauge("grouter_plan_cache_capacity_bytes", "Its bound", server.plan_cache_capacity_bytes());
  counter("grouter_plan_cache_hits_total", "Plans found in the cache", server.plan_cache_hits());
  counter("grouter_plan_cache_misses_total", "Plans that had to be made or waited for",
          server.plan_cache_misses());
  counter("grouter_plan_make_seconds_total", "Time spent making plans", server.plan_make_seconds());
  gauge("grouter_replay_batches", "Sealed rollout batches kept", server.replay_batches());
  gauge("grouter_replay_bytes", "Disk that they take", server.replay_bytes());
  gauge("grouter_replay_capacity_bytes", "Its bound", server.replay_capacity_bytes());
  counter("grouter_replay_batches_evicted_total", "Rollout batches removed by retention",
          server.replay_batches_evicted());
  counter("grouter_replay_bytes_sent_total", "Slices sent", server.replay_bytes_sent());
  if (server.has_certificate_expiry_unix_seconds()) {
    gauge("grouter_certificate_expiry_timestamp_seconds", "When the first TLS certificate in use expires",
          server.certificate_expiry_unix_seconds());
    counter("grouter_certificate_reloads_refused_total", "TLS pairs that did not hold together",
            server.certificate_reloads_refused());
    gauge("grouter_certificate_stale", "1 while the files hold a refused pair and an older one is in use",
          server.certificate_stale() ? 1 : 0);
  }
  for (const v1::RejectCount& reject : server.rejects()) {
    out->Add("grouter_rejects_total", "Refusals by reason", MetricType::Counter,
             {{"reason", reject.reason()}}, reject.count());
  }
}

template <typename Value>
void AddPerJob(const v1::GetStatsResponse& stats, const char* name, const char* help, MetricType type,
               const Value& value, Families* out) {
  for (const v1::JobStats& job : stats.jobs()) {
    out->Add(name, help, type, {{"job", job.digest().substr(0, 12)}, {"label", job.label()}}, value(job));
  }
}

double LargestMaxVio(const v1::JobStats& job) {
  double largest = 0;
  for (const v1::ExpertLoad& load : job.expert_load()) largest = std::max(largest, load.max_vio());
  return largest;
}

double LeastBalancedness(const v1::JobStats& job) {
  double least = 1;
  for (const v1::ExpertLoad& load : job.expert_load()) least = std::min(least, load.rank_balancedness());
  return least;
}

double Stalled(const v1::JobStats& job) {
  double seconds = 0;
  for (const v1::WorkerStats& worker : job.workers()) seconds += worker.stalled_seconds();
  return seconds;
}

}  // namespace

std::string MetricsText(const v1::GetStatsResponse& stats, const std::vector<LoopReport>& loops) {
  Families out;
  AddServer(stats.server(), &out);
  for (const LoopReport& loop : loops) {
    out.Add("grouter_heartbeats_total", "Rounds of each background loop", MetricType::Counter,
            {{"loop", loop.name}}, static_cast<double>(loop.rounds));
  }
  for (const LoopReport& loop : loops) {
    out.Add("grouter_loop_busy_seconds", "Age of the loop's longest round under way", MetricType::Gauge,
            {{"loop", loop.name}}, loop.busy_seconds);
  }
  for (const LoopReport& loop : loops) {
    out.Add("grouter_loop_stalled", "1 when that round has lasted too long", MetricType::Gauge,
            {{"loop", loop.name}}, loop.stalled() ? 1 : 0);
  }
  using Job = const v1::JobStats&;
  const auto gauge = MetricType::Gauge;
  AddPerJob(
      stats, "grouter_job_newest_step", "Newest step planned", gauge,
      [](Job job) { return static_cast<double>(job.newest_step_planned()); }, &out);
  AddPerJob(
      stats, "grouter_job_workers", "Workers with an open stream", gauge,
      [](Job job) { return static_cast<double>(job.workers_size()); }, &out);
  AddPerJob(
      stats, "grouter_job_plan_lead_seconds", "Median over workers: plan sent until step finished", gauge,
      [](Job job) { return job.plan_lead_seconds(); }, &out);
  AddPerJob(
      stats, "grouter_job_local_share_ratio", "Rows that stay on their rank", gauge,
      [](Job job) { return job.local_share(); }, &out);
  AddPerJob(stats, "grouter_job_max_vio_ratio", "MaxVio of the worst layer group", gauge, LargestMaxVio,
            &out);
  AddPerJob(stats, "grouter_job_balancedness_ratio", "Rank balancedness of the worst layer group", gauge,
            LeastBalancedness, &out);
  AddPerJob(stats, "grouter_job_stalled_seconds", "Time workers waited for plans, together", gauge, Stalled,
            &out);
  for (const v1::TableStats& table : stats.tables()) {
    out.Add("grouter_table_damaged", "1 when the table's files changed under the server", gauge,
            {{"table", table.digest().substr(0, 12)}}, table.damage().empty() ? 0 : 1);
  }
  return out.Text();
}

}  // namespace grouter
