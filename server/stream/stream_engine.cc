#include "server/stream/stream_engine.h"

#include "server/stream/get_plan_call.h"
#include "server/stream/stream_plans_call.h"

namespace grouter {
namespace {

constexpr int kAwaitedPerQueue = 16;  // calls of each kind that may begin at once

}  // namespace

StreamEngine::StreamEngine(int num_queues, grpc::ServerBuilder* builder, PlanServiceRaw* service,
                           StreamContext* context)
    : service_(service), context_(context) {
  for (int i = 0; i < num_queues; ++i) queues_.push_back(builder->AddCompletionQueue());
}

StreamEngine::~StreamEngine() { Stop(); }

void StreamEngine::Start() {
  for (const auto& queue : queues_) {
    for (int i = 0; i < kAwaitedPerQueue; ++i) {
      AwaitCall<StreamPlansCall>(queue.get());
      AwaitCall<GetPlanCall>(queue.get());
    }
  }
  for (const auto& queue : queues_) {
    heartbeats_.emplace_back();
    threads_.emplace_back([this, q = queue.get(), heartbeat = &heartbeats_.back()] { Work(q, heartbeat); });
  }
}

template <typename Call>
void StreamEngine::AwaitCall(grpc::ServerCompletionQueue* queue) {
  // The call is named by address in its own callback: `accepted` runs inside it.
  auto slot = std::make_shared<PlanCall*>(nullptr);
  const auto accepted = [this, queue, slot] {
    {
      MutexLock lock(&mutex_);
      calls_[*slot].has_client = true;
      ++num_open_;
    }
    AwaitCall<Call>(queue);
  };
  auto call = std::make_shared<Call>(service_, context_, queue, accepted, [this](PlanCall* c) { Ended(c); });
  *slot = call.get();
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    calls_[call.get()] = {call, false};
  }
  call->Await();
}

void StreamEngine::Ended(PlanCall* call) {
  std::shared_ptr<PlanCall> last;  // destroyed after the lock is free
  MutexLock lock(&mutex_);
  const auto it = calls_.find(call);
  last = std::move(it->second.call);
  if (it->second.has_client) --num_open_;
  calls_.erase(it);
  changed_.SignalAll();
}

std::vector<const Heartbeat*> StreamEngine::heartbeats() const {
  std::vector<const Heartbeat*> heartbeats;
  for (const Heartbeat& heartbeat : heartbeats_) heartbeats.push_back(&heartbeat);
  return heartbeats;
}

void StreamEngine::Work(grpc::ServerCompletionQueue* queue, Heartbeat* heartbeat) {
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) {
    const Heartbeat::Round round(heartbeat);
    PlanCall::Serve(tag, ok);
  }
}

std::vector<std::shared_ptr<PlanCall>> StreamEngine::Calls() {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<PlanCall>> calls;
  for (const auto& [pointer, record] : calls_) {
    if (record.has_client) calls.push_back(record.call);
  }
  return calls;
}

void StreamEngine::Drain() {
  context_->draining = true;
  WakeAll();
}

void StreamEngine::WakeAll() {
  for (const auto& call : Calls()) call->Wake();
}

int StreamEngine::EvictStuck(std::chrono::steady_clock::time_point now) {
  int evicted = 0;
  for (const auto& call : Calls()) evicted += call->EvictIfStuck(now) ? 1 : 0;
  return evicted;
}

bool StreamEngine::WaitUntilIdle(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(&mutex_);
  while (num_open_ > 0) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return num_open_ == 0;
  }
  return true;
}

void StreamEngine::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
    // Shutting the server down ends the calls; a queue may be shut down once nothing starts on it any more.
    while (!calls_.empty()) changed_.Wait(&mutex_);
  }
  for (const auto& queue : queues_) queue->Shutdown();
  if (threads_.empty()) {
    Heartbeat heartbeat;
    for (const auto& queue : queues_) Work(queue.get(), &heartbeat);
  }
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace grouter
