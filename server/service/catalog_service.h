// CatalogService: tables, placement schedules and jobs.
#ifndef GROUTER_SERVER_SERVICE_CATALOG_SERVICE_H_
#define GROUTER_SERVER_SERVICE_CATALOG_SERVICE_H_

#include <string>

#include "grouter/v1/catalog_service.grpc.pb.h"
#include "server/plans/plan_cache.h"
#include "server/plans/worker_pool.h"
#include "server/registry/job_registry.h"
#include "server/security/gate.h"
#include "server/service/call_limits.h"

namespace grouter {

class CatalogServiceImpl : public v1::CatalogService::CallbackService {
 public:
  // All outlive this. `searches` runs PlanPlacement.
  CatalogServiceImpl(ArtefactRegistry* artefacts, JobRegistry* jobs, PlanCache* cache, WorkerPool* searches,
                     WatchLimit* watches, const Gate* gate)
      : artefacts_(artefacts),
        jobs_(jobs),
        cache_(cache),
        searches_(searches),
        watches_(watches),
        gate_(gate) {}

  grpc::ServerUnaryReactor* ListTables(grpc::CallbackServerContext* context,
                                       const v1::ListTablesRequest* request,
                                       v1::ListTablesResponse* response) override;
  grpc::ServerUnaryReactor* DescribeTable(grpc::CallbackServerContext* context,
                                          const v1::DescribeTableRequest* request,
                                          v1::DescribeTableResponse* response) override;
  grpc::ServerUnaryReactor* LoadTable(grpc::CallbackServerContext* context,
                                      const v1::LoadTableRequest* request,
                                      v1::LoadTableResponse* response) override;
  grpc::ServerUnaryReactor* UnloadTable(grpc::CallbackServerContext* context,
                                        const v1::UnloadTableRequest* request,
                                        v1::UnloadTableResponse* response) override;
  grpc::ServerUnaryReactor* ListSchedules(grpc::CallbackServerContext* context,
                                          const v1::ListSchedulesRequest* request,
                                          v1::ListSchedulesResponse* response) override;
  grpc::ServerUnaryReactor* DescribeSchedule(grpc::CallbackServerContext* context,
                                             const v1::DescribeScheduleRequest* request,
                                             v1::DescribeScheduleResponse* response) override;
  grpc::ServerUnaryReactor* LoadSchedule(grpc::CallbackServerContext* context,
                                         const v1::LoadScheduleRequest* request,
                                         v1::LoadScheduleResponse* response) override;
  grpc::ServerUnaryReactor* UnloadSchedule(grpc::CallbackServerContext* context,
                                           const v1::UnloadScheduleRequest* request,
                                           v1::UnloadScheduleResponse* response) override;
  grpc::ServerUnaryReactor* RegisterJob(grpc::CallbackServerContext* context,
                                        const v1::RegisterJobRequest* request,
                                        v1::RegisterJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* DescribeJob(grpc::CallbackServerContext* context,
                                        const v1::DescribeJobRequest* request,
                                        v1::DescribeJobResponse* response) override;
  grpc::ServerUnaryReactor* ForgetJob(grpc::CallbackServerContext* context,
                                      const v1::ForgetJobRequest* request,
                                      v1::ForgetJobResponse* response) override;
  grpc::ServerWriteReactor<v1::PlanPlacementResponse>* PlanPlacement(
      grpc::CallbackServerContext* context, const v1::PlanPlacementRequest* request) override;

 private:
  absl::StatusOr<v1::TableInfo> DescribeOne(const Digest& table);
  absl::StatusOr<v1::ScheduleInfo> DescribeSchedule(const Digest& schedule);
  absl::StatusOr<v1::RegisterJobResponse> Register(const Caller& caller,
                                                   const v1::RegisterJobRequest& request);
  // NOT_FOUND unless the caller may register jobs with all of the draft's tables.
  absl::Status CheckTables(const Caller& caller, const JobDraft& draft);
  v1::JobInfo Describe(const Job& job) const;

  ArtefactRegistry* const artefacts_;
  JobRegistry* const jobs_;
  PlanCache* const cache_;
  WorkerPool* const searches_;
  WatchLimit* const watches_;
  const Gate* const gate_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_CATALOG_SERVICE_H_
