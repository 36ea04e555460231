// The server's statistics at one moment, as the message people see. Pages and metrics are made from the same.
#ifndef GROUTER_SERVER_STATS_SNAPSHOT_H_
#define GROUTER_SERVER_STATS_SNAPSHOT_H_

#include <chrono>
#include <string>

#include "grouter/v1/stats_service.pb.h"
#include "server/plans/plan_cache.h"
#include "server/registry/job_registry.h"
#include "server/replay/replay_store.h"
#include "server/security/certificate_store.h"
#include "server/stats/counters.h"

namespace grouter {

inline constexpr char kServerVersion[] = "1.0.0";

// What a snapshot is made from. Everything outlives it.
struct StatsSources {
  ArtefactRegistry* artefacts = nullptr;
  JobRegistry* jobs = nullptr;
  PlanCache* cache = nullptr;
  ReplayStore* replay = nullptr;
  Counters* counters = nullptr;
  const std::atomic<bool>* draining = nullptr;
  const CertificateStore* certificates = nullptr;  // null: no TLS
  std::chrono::steady_clock::time_point started;
};

// Of all jobs whose tables pass `may_read`, or of the one named. NOT_FOUND. `with_load` adds the per-expert
// and per-rank arrays.
absl::StatusOr<v1::GetStatsResponse> TakeSnapshot(const StatsSources& sources, const std::string& job_digest,
                                                  bool with_load, const TableFilter& may_read = {});

}  // namespace grouter

#endif  // GROUTER_SERVER_STATS_SNAPSHOT_H_
