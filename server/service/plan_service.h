// The small calls of PlanService: descriptions and placements. The streams are StreamEngine's.
#ifndef GROUTER_SERVER_SERVICE_PLAN_SERVICE_H_
#define GROUTER_SERVER_SERVICE_PLAN_SERVICE_H_

#include <atomic>
#include <memory>
#include <string>

#include "server/registry/job_registry.h"
#include "server/security/gate.h"
#include "server/service/call_limits.h"
#include "server/stream/plan_service_raw.h"

namespace grouter {

// What one rank does in one step, in sums. The planner's errors.
absl::StatusOr<v1::PlanDescription> DescribePlan(const Job& job, uint64_t step, uint32_t rank);
// The placement epoch at `step`. OUT_OF_RANGE past the job's end.
absl::StatusOr<v1::PlacementEpoch> DescribePlacement(const Job& job, uint64_t step);

class PlanServiceImpl : public PlanServiceRaw {
 public:
  // All outlive this.
  PlanServiceImpl(JobRegistry* jobs, WatchLimit* watches, const Gate* gate)
      : jobs_(jobs), watches_(watches), gate_(gate) {}

  grpc::ServerUnaryReactor* DescribePlan(grpc::CallbackServerContext* context,
                                         const v1::DescribePlanRequest* request,
                                         v1::DescribePlanResponse* response) override;
  grpc::ServerUnaryReactor* GetPlacement(grpc::CallbackServerContext* context,
                                         const v1::GetPlacementRequest* request,
                                         v1::GetPlacementResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchPlacementResponse>* WatchPlacement(
      grpc::CallbackServerContext* context, const v1::WatchPlacementRequest* request) override;

 private:
  // The job, if the caller may read its tables.
  absl::StatusOr<std::shared_ptr<Job>> FindJob(const grpc::ServerContextBase& context,
                                               const std::string& digest, const char* method) const;

  JobRegistry* const jobs_;
  WatchLimit* const watches_;
  const Gate* const gate_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_PLAN_SERVICE_H_
