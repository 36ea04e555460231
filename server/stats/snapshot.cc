#include "server/stats/snapshot.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "io/error.h"
#include "routing/balance.h"

namespace grouter {
namespace {

void Write(const WorkerRecord& record, v1::WorkerStats* wire) {
  wire->set_worker(record.worker);
  wire->set_rank(record.rank);
  if (record.step_sent.has_value()) wire->set_step_sent(*record.step_sent);
  if (record.step_finished.has_value()) wire->set_step_finished(*record.step_finished);
  wire->set_credit_bytes(record.credit_bytes);
  wire->set_stalled_seconds(record.stalled_ns * 1e-9);
  if (record.plan_lead_seconds.has_value()) wire->set_plan_lead_seconds(*record.plan_lead_seconds);
  wire->set_payload_bytes_sent(record.payload_bytes_sent);
  if (record.ahead_steps.has_value()) wire->set_ahead_steps(*record.ahead_steps);
}

void WriteMatrix(const std::vector<std::vector<uint64_t>>& matrix,
                 google::protobuf::RepeatedPtrField<v1::TrafficRow>* wire) {
  for (const std::vector<uint64_t>& row : matrix) {
    v1::TrafficRow* out = wire->Add();
    out->mutable_rows()->Add(row.begin(), row.end());
  }
}

double Share(uint64_t part, uint64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / whole; }

void WriteWorkers(const Workers& workers, v1::JobStats* wire) {
  std::vector<double> leads;
  for (const WorkerRecord& record : workers.List()) {
    Write(record, wire->add_workers());
    if (record.plan_lead_seconds.has_value()) leads.push_back(*record.plan_lead_seconds);
  }
  if (leads.empty()) return;
  std::nth_element(leads.begin(), leads.begin() + leads.size() / 2, leads.end());
  wire->set_plan_lead_seconds(leads[leads.size() / 2]);
}

void Write(const Job& job, bool with_load, v1::JobStats* wire) {
  wire->set_digest(job.digest.Hex());
  wire->set_label(job.label);
  bool causal = true;
  for (const auto& table : job.tables) {
    wire->add_table_digests(table->content_digest().Hex());
    causal = causal && table->header().causality == Causality::kCausal;
  }
  wire->set_causal_tables(causal);
  wire->set_num_steps(job.planner->num_steps());
  const JobSums sums = job.statistics.Read();
  if (sums.newest_step.has_value()) wire->set_newest_step_planned(*sums.newest_step);
  wire->set_steps_counted(sums.micro_batches / std::max(1u, job.num_micro_batches()));
  for (size_t g = 0; g < sums.expert_load.size(); ++g) {
    v1::ExpertLoad* load = wire->add_expert_load();
    load->set_layer_group(static_cast<uint32_t>(g));
    load->set_max_vio(MaxVio(sums.expert_load[g]));
    load->set_rank_balancedness(Balancedness(absl::Span<const uint64_t>(sums.rank_load[g])));
    if (with_load)
      load->mutable_tokens_per_expert()->Add(sums.expert_load[g].begin(), sums.expert_load[g].end());
  }
  if (with_load) WriteMatrix(sums.rows_between_ranks, wire->mutable_rows_between_ranks());
  WriteMatrix(sums.rows_between_nodes, wire->mutable_rows_between_nodes());
  wire->set_local_share(Share(sums.rows_on_rank, sums.rows));
  wire->set_node_local_share(Share(sums.rows_on_node, sums.rows));
  WriteWorkers(job.workers, wire);
}

void Write(const StatsSources& sources, v1::ServerStats* wire) {
  const Counters& counters = *sources.counters;
  wire->set_version(kServerVersion);
  wire->set_uptime_seconds(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - sources.started).count());
  wire->set_draining(*sources.draining);
  wire->set_connections(counters.connections);
  wire->set_connections_refused(counters.connections_refused);
  wire->set_open_streams(counters.open_streams);
  wire->set_payload_bytes_sent(counters.payload_bytes_sent);
  wire->set_plan_messages_sent(counters.parts_messages_sent);
  wire->set_streams_evicted(counters.streams_evicted);
  uint64_t replay_bytes = 0;
  const std::vector<SealedBatch> batches = sources.replay->List("");
  for (const SealedBatch& batch : batches) replay_bytes += batch.stored_bytes;
  wire->set_replay_batches(batches.size());
  wire->set_replay_bytes(replay_bytes);
  wire->set_replay_capacity_bytes(sources.replay->quota().max_bytes);
  wire->set_replay_batches_evicted(sources.replay->num_evicted());
  wire->set_replay_bytes_sent(counters.replay_bytes_sent);
  const PlanCacheCounters cache = sources.cache->counters();
  wire->set_plan_cache_bytes(cache.bytes);
  wire->set_plan_cache_capacity_bytes(sources.cache->capacity_bytes());
  wire->set_plan_cache_hits(cache.hits);
  wire->set_plan_cache_misses(cache.misses);
  wire->set_plan_make_seconds(cache.making_ns * 1e-9);
  if (sources.certificates != nullptr) {
    const CertificateCounters certificates = sources.certificates->counters();
    wire->set_certificate_expiry_unix_seconds(certificates.not_after_s);
    wire->set_certificate_reloads_refused(certificates.refused);
    wire->set_certificate_stale(certificates.stale);
  }
  for (const auto& [reason, count] : counters.rejects.Read()) {
    v1::RejectCount* reject = wire->add_rejects();
    reject->set_reason(reason);
    reject->set_count(count);
  }
}

void WriteTables(const std::vector<std::shared_ptr<Job>>& jobs, ArtefactRegistry* artefacts,
                 v1::GetStatsResponse* wire) {
  std::map<Digest, std::pair<const RoutingTable*, uint32_t>> tables;
  for (const auto& job : jobs) {
    for (const auto& table : job->tables) {
      auto& entry = tables[table->content_digest()];
      entry.first = table.get();
      ++entry.second;
    }
  }
  for (const auto& [digest, entry] : tables) {
    v1::TableStats* out = wire->add_tables();
    out->set_digest(digest.Hex());
    out->set_stored_bytes(entry.first->stored_bytes());
    out->set_num_tokens(entry.first->num_tokens());
    out->set_num_jobs(entry.second);
    out->set_damage(artefacts->DamageOf(digest));
    out->set_path(artefacts->TableName(digest));
  }
}

}  // namespace

absl::StatusOr<v1::GetStatsResponse> TakeSnapshot(const StatsSources& sources, const std::string& job_digest,
                                                  bool with_load, const TableFilter& may_read) {
  std::vector<std::shared_ptr<Job>> jobs;
  if (job_digest.empty()) {
    for (std::shared_ptr<Job>& job : sources.jobs->List()) {
      if (sources.jobs->MayUse(*job, may_read)) jobs.push_back(std::move(job));
    }
  } else {
    GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, sources.jobs->Find(job_digest, may_read));
    jobs.push_back(std::move(job));
  }
  v1::GetStatsResponse response;
  Write(sources, response.mutable_server());
  for (const auto& job : jobs) Write(*job, with_load, response.add_jobs());
  WriteTables(jobs, sources.artefacts, &response);
  return response;
}

}  // namespace grouter
