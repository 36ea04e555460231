#include "server/service/stats_service.h"

#include "io/error.h"
#include "server/service/periodic_stream.h"
#include "server/service/unary.h"

namespace grouter {
namespace {

constexpr uint32_t kDefaultIntervalMs = 1000;
constexpr uint32_t kMinIntervalMs = 100;
constexpr uint32_t kMaxIntervalMs = 3600000;

}  // namespace

grpc::ServerUnaryReactor* StatsServiceImpl::GetStats(grpc::CallbackServerContext* context,
                                                     const v1::GetStatsRequest* request,
                                                     v1::GetStatsResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kRead, "GetStats");
  if (!caller.ok()) return Finish(context, caller.status());
  return Answer(
      context,
      TakeSnapshot(sources_, request->job_digest(), !request->omit_expert_load(), caller->May(Right::kRead)),
      response);
}

grpc::ServerWriteReactor<v1::WatchStatsResponse>* StatsServiceImpl::WatchStats(
    grpc::CallbackServerContext* context, const v1::WatchStatsRequest* request) {
  using Stream = PeriodicStream<v1::WatchStatsResponse>;
  const std::shared_ptr<void> permit = watches_->TryOpen();
  const uint32_t interval_ms = request->interval_ms() == 0 ? kDefaultIntervalMs : request->interval_ms();
  absl::Status refused;
  if (interval_ms < kMinIntervalMs || interval_ms > kMaxIntervalMs) {
    refused = BadRequest({{"interval_ms", "must be 0 or 100 to 3600000"}});
  }
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kRead, "WatchStats");
  if (!caller.ok()) refused = caller.status();
  if (permit == nullptr) refused = Error(absl::StatusCode::kResourceExhausted, "too many watches are open");
  if (!refused.ok()) {
    return new Stream(watches_->timer(), std::chrono::milliseconds(1), [refused] {
      return Stream::Turn{absl::nullopt, refused};
    });
  }
  return new Stream(watches_->timer(), std::chrono::milliseconds(interval_ms),
                    [permit, this, digest = request->job_digest(), load = !request->omit_expert_load(),
                     may_read = caller->May(Right::kRead)] {
                      Stream::Turn turn;
                      absl::StatusOr<v1::GetStatsResponse> stats =
                          TakeSnapshot(sources_, digest, load, may_read);
                      if (stats.ok()) {
                        turn.message.emplace();
                        turn.message->mutable_stats()->Swap(&*stats);
                      } else {
                        turn.end = stats.status();
                      }
                      if (watches_->draining) turn.end = absl::UnavailableError("the server is draining");
                      return turn;
                    });
}

}  // namespace grouter
