// Completion queues and their threads: serves GetPlan and StreamPlans calls until it is stopped, and looks
// after them (draining, eviction of stuck readers).
#ifndef GROUTER_SERVER_STREAM_STREAM_ENGINE_H_
#define GROUTER_SERVER_STREAM_STREAM_ENGINE_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "grpcpp/server_builder.h"
#include "io/mutex.h"
#include "server/stats/heartbeat.h"
#include "server/stream/plan_call.h"
#include "server/stream/plan_service_raw.h"

namespace grouter {

class StreamEngine {
 public:
  // Adds `num_queues` queues to `builder`. `service` and `context` outlive this.
  StreamEngine(int num_queues, grpc::ServerBuilder* builder, PlanServiceRaw* service, StreamContext* context);
  // REQUIRES: Stop, or never started.
  ~StreamEngine();

  // After the server has been built.
  void Start();
  // Every stream ends after its micro-batch with UNAVAILABLE and reason DRAINING.
  void Drain();
  // Every call looks again whether it may go on.
  void WakeAll();
  // Cancels readers that are stuck (StreamLimits). Returns how many.
  int EvictStuck(std::chrono::steady_clock::time_point now);
  // False when calls are still open at `deadline`.
  bool WaitUntilIdle(std::chrono::steady_clock::time_point deadline);
  // REQUIRES: the server has been shut down and the plan cache wakes nobody any more.
  void Stop();
  // One a queue; a round is an event.
  std::vector<const Heartbeat*> heartbeats() const;

 private:
  struct CallRecord {
    std::shared_ptr<PlanCall> call;
    bool has_client = false;
  };

  template <typename Call>
  void AwaitCall(grpc::ServerCompletionQueue* queue);
  void Ended(PlanCall* call);
  void Work(grpc::ServerCompletionQueue* queue, Heartbeat* heartbeat);
  std::vector<std::shared_ptr<PlanCall>> Calls();

  PlanServiceRaw* const service_;
  StreamContext* const context_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
  std::deque<Heartbeat> heartbeats_;  // by queue
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t num_open_ ABSL_GUARDED_BY(mutex_) = 0;  // calls with a client
  std::map<PlanCall*, CallRecord> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_STREAM_ENGINE_H_
