// StatsService: numbers for people, once or again and again.
#ifndef GROUTER_SERVER_SERVICE_STATS_SERVICE_H_
#define GROUTER_SERVER_SERVICE_STATS_SERVICE_H_

#include "grouter/v1/stats_service.grpc.pb.h"
#include "server/security/gate.h"
#include "server/service/call_limits.h"
#include "server/stats/snapshot.h"

namespace grouter {

class StatsServiceImpl : public v1::StatsService::CallbackService {
 public:
  // Both outlive this, as do the sources.
  StatsServiceImpl(StatsSources sources, WatchLimit* watches, const Gate* gate)
      : sources_(sources), watches_(watches), gate_(gate) {}
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context, const v1::GetStatsRequest* request,
                                     v1::GetStatsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchStatsResponse>* WatchStats(grpc::CallbackServerContext* context,
                                                               const v1::WatchStatsRequest* request) override;

 private:
  const StatsSources sources_;
  WatchLimit* const watches_;
  const Gate* const gate_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_STATS_SERVICE_H_
