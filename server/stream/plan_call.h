// One GetPlan or StreamPlans call on a completion queue: the state machine between gRPC's operations and a
// PlanFeed. All operations of a call complete on one queue, which one thread serves, so a call needs no lock
// but for being woken.
#ifndef GROUTER_SERVER_STREAM_PLAN_CALL_H_
#define GROUTER_SERVER_STREAM_PLAN_CALL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "io/mutex.h"
#include "server/plans/plan_cache.h"
#include "server/registry/job_registry.h"
#include "server/security/gate.h"
#include "server/stats/counters.h"
#include "server/stream/plan_feed.h"

namespace grouter {

struct StreamLimits {
  uint32_t max_streams_per_job = 4096;
  uint32_t max_streams = 16384;
  std::chrono::milliseconds evict_after{30000};     // a reader that accepts no byte with credit open
  std::chrono::milliseconds max_age{12 * 3600000};  // ended at a step border
};

// What all calls share. Everything outlives them.
struct StreamContext {
  JobRegistry* jobs = nullptr;
  PlanCache* cache = nullptr;
  Counters* counters = nullptr;
  const Gate* gate = nullptr;
  StreamLimits limits;
  std::atomic<bool> draining{false};
  // Bytes that a peer, named as gRPC names it, has accepted; absent where nobody knows. May be null. Set
  // before the first look.
  std::function<absl::optional<uint64_t>(const std::string& peer)> bytes_accepted;
};

class PlanCall : public std::enable_shared_from_this<PlanCall> {
 public:
  enum class Op { kAccepted, kRead, kWritten, kFinished, kDone, kWoken };
  // What a completion queue gives back.
  struct Tag {
    PlanCall* call;
    Op op;
  };

  // `accepted` runs when this call has a client, so that the next one can be awaited; `ended` when nothing of
  // it is under way any more: after it, the last reference may go.
  PlanCall(StreamContext* context, grpc::ServerCompletionQueue* queue, std::function<void()> accepted,
           std::function<void(PlanCall*)> ended);
  virtual ~PlanCall();

  // Waits for a client. Once.
  virtual void Await() = 0;
  // Serves a tag of the queue, on the queue's thread.
  static void Serve(void* tag, bool ok);
  // From any thread: look again (a part came, draining began).
  void Wake();
  // From one thread: cancels a call whose reader has accepted nothing for limits.evict_after while a message
  // waits to go out, or has not accepted the message in ten times that. True if so. Wants a look now and
  // again, as it compares with the look before.
  bool EvictIfStuck(std::chrono::steady_clock::time_point now);

 protected:
  virtual void OnAccepted() = 0;
  virtual void OnRead(bool ok) {}
  virtual void StartWrite(const grpc::ByteBuffer& message) = 0;
  virtual void StartFinish(const grpc::Status& status) = 0;
  // A message went out.
  virtual void OnSent(const PlanFeed::Outcome& outcome) {}

  // Registers an operation that is about to start.
  void* Begin(Op op);
  // The tag alone: for kDone, which is delivered only if a client comes.
  void* TagOf(Op op) { return &tags_[static_cast<int>(op)]; }
  // Checks the job and begins to send. `open` errors end the call.
  absl::Status Open(const std::string& job_digest, uint32_t rank, uint64_t step, uint32_t part,
                    uint64_t end_step, bool with_step_parts, bool with_micro_batches,
                    PlanFeedOptions options);
  // Ends with that part of the first step instead of all of them.
  void StopAfter(uint32_t part) { feed_->StopAfter(part); }
  // Sends what can be sent; ends the call when all was.
  void Pump();
  // Ends the call once no write is under way.
  void End(absl::Status status);

  StreamContext& context() { return *context_; }
  grpc::ServerContext& rpc() { return rpc_; }
  grpc::ServerCompletionQueue* queue() { return queue_; }
  const std::shared_ptr<PlanFeed>& feed() const { return feed_; }
  uint64_t credit() const { return granted_ - sent_; }
  void Grant(uint64_t granted) { granted_ = granted; }
  uint64_t granted() const { return granted_; }

 private:
  void Proceed(Op op, bool ok);
  absl::Status ReasonToEnd() const;

  StreamContext* const context_;
  grpc::ServerCompletionQueue* const queue_;
  const std::function<void()> accepted_;
  const std::function<void(PlanCall*)> ended_;
  Tag tags_[6];
  grpc::ServerContext rpc_;

  std::shared_ptr<PlanFeed> feed_;
  uint64_t granted_ = UINT64_MAX;  // payload bytes since the call began
  uint64_t sent_ = 0;
  std::atomic<int> pending_{0};  // operations under way; falls only on the queue's thread
  bool opened_ = false;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finishing_ = false;
  absl::optional<absl::Status> end_;
  std::chrono::steady_clock::time_point begun_;
  std::atomic<int64_t> write_begun_ns_{0};  // 0: no write under way
  // Of the looks for stuck readers.
  int64_t watched_write_ns_ = 0;
  int64_t progress_ns_ = 0;
  uint64_t accepted_bytes_ = 0;

  Mutex wake_mutex_;
  grpc::Alarm alarm_;
  bool wake_pending_ ABSL_GUARDED_BY(wake_mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(wake_mutex_) = true;  // no wakes before a client came and after the end
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_PLAN_CALL_H_
