// ReplayService: rollout batches in, slices out. Table work runs on worker threads, never on gRPC's.
#ifndef GROUTER_SERVER_SERVICE_REPLAY_SERVICE_H_
#define GROUTER_SERVER_SERVICE_REPLAY_SERVICE_H_

#include <functional>
#include <utility>

#include "grouter/v1/replay_service.grpc.pb.h"
#include "io/file.h"
#include "server/plans/worker_pool.h"
#include "server/replay/replay_store.h"
#include "server/security/gate.h"
#include "server/service/call_limits.h"
#include "server/stats/counters.h"

namespace grouter {

// What the service's calls share. Everything outlives them.
struct ReplayContext {
  ReplayStore* store = nullptr;
  WorkerPool* workers = nullptr;
  WatchLimit* watches = nullptr;  // bounds open slices and ingests
  Counters* counters = nullptr;
  const Gate* gate = nullptr;
  FileSystem* files = nullptr;
  std::function<int64_t()> unix_ms;
};

class ReplayServiceImpl : public v1::ReplayService::CallbackService {
 public:
  explicit ReplayServiceImpl(ReplayContext context) : context_(std::move(context)) {}

  grpc::ServerReadReactor<v1::IngestBatchRequest>* IngestBatch(grpc::CallbackServerContext* context,
                                                               v1::IngestBatchResponse* response) override;
  grpc::ServerWriteReactor<v1::GetSliceResponse>* GetSlice(grpc::CallbackServerContext* context,
                                                           const v1::GetSliceRequest* request) override;
  grpc::ServerUnaryReactor* ListBatches(grpc::CallbackServerContext* context,
                                        const v1::ListBatchesRequest* request,
                                        v1::ListBatchesResponse* response) override;
  grpc::ServerUnaryReactor* DropBatch(grpc::CallbackServerContext* context,
                                      const v1::DropBatchRequest* request,
                                      v1::DropBatchResponse* response) override;

 private:
  const ReplayContext context_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_REPLAY_SERVICE_H_
