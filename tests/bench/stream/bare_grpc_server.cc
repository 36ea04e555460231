// gRPC doing nothing: answers any stream with static plans, again and again, as credit allows. What
// is left of a server when tables, planner and bookkeeping are gone.
//
//   bare_grpc_server PLAN_BYTES [PLANS]        prints "listening on ADDRESS"; ends with its standard input
// PLANS of them lie in memory and are sent in turn: as many bytes as a table has, so that no side sends from
// the processor's cache alone.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "proto/frame.h"

namespace grouter {
namespace {

using Plans = std::vector<std::shared_ptr<const std::string>>;

class Call {
 public:
  Call(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue, const Plans* plans)
      : service_(service), queue_(queue), plans_(plans), stream_(&context_) {
    service_->RequestCall(&context_, &stream_, queue_, queue_, &accept_);
  }
  struct Tag {
    Call* call;
    void (Call::*handle)(bool ok);
  };

 private:
  void Accepted(bool ok) {
    if (!ok) return;
    new Call(service_, queue_, plans_);
    static std::atomic<uint64_t> number{0};
    next_ = number++ * 4;
    Begin();
    stream_.Read(&incoming_, &read_);
  }
  void Read(bool ok) {
    v1::StreamPlansRequest request;
    grpc::ProtoBufferReader reader(&incoming_);
    if (!ok || !request.ParseFromZeroCopyStream(&reader)) {
      ended_ = true;
      return Leave();
    }
    granted_ = std::max<uint64_t>(granted_, request.granted_payload_bytes());
    Begin();
    stream_.Read(&incoming_, &read_);
    Pump();
    Leave();
  }
  void Written(bool ok) {
    writing_ = false;
    if (ok) Pump();
    Leave();
  }
  void Finished(bool) { Leave(); }

  void Pump() {
    if (writing_ || ended_) return;
    FrameMessage message;
    while (message.payload_bytes() < kMaxMessagePayload && sent_ < granted_) {
      FrameHeader header;
      header.part = 1;
      header.payload_offset = offset_;
      const auto& plan = (*plans_)[next_ % plans_->size()];
      header.payload_bytes = plan->size();
      header.data_bytes = std::min<uint64_t>(
          {plan->size() - offset_, granted_ - sent_, kMaxMessagePayload - message.payload_bytes()});
      message.Add(header, {absl::string_view(*plan).substr(offset_, header.data_bytes)}, plan);
      sent_ += header.data_bytes;
      offset_ += header.data_bytes;
      if (offset_ < plan->size()) continue;
      offset_ = 0;
      ++next_;
    }
    if (message.empty()) return;
    writing_ = true;
    Begin();
    stream_.Write(message.Take(), &write_);
  }
  void Begin() { ++pending_; }
  // Each handler but Accepted ends one operation; the last to go finishes the call.
  void Leave() {
    if (--pending_ > 0) return;
    if (finishing_) {
      delete this;
      return;
    }
    finishing_ = true;
    Begin();
    stream_.Finish(grpc::Status::OK, &finish_);
  }

  grpc::AsyncGenericService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  const Plans* const plans_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer incoming_;
  uint64_t granted_ = 0, sent_ = 0, offset_ = 0, next_ = 0;
  int pending_ = 0;
  bool writing_ = false, ended_ = false, finishing_ = false;
  Tag accept_{this, &Call::Accepted}, read_{this, &Call::Read}, write_{this, &Call::Written},
      finish_{this, &Call::Finished};
};

void Work(grpc::ServerCompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) {
    const auto* served = static_cast<Call::Tag*>(tag);
    (served->call->*served->handle)(ok);
  }
}

int Run(uint64_t plan_bytes, uint64_t num_plans) {
  constexpr int kThreads = 2;
  Plans plans;
  for (uint64_t i = 0; i < num_plans; ++i) {
    plans.push_back(std::make_shared<const std::string>(plan_bytes, static_cast<char>(i)));
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  grpc::AsyncGenericService service;
  builder.RegisterAsyncGenericService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < kThreads; ++i) queues.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 3;
  std::vector<std::thread> threads;
  for (const auto& queue : queues) {
    for (int i = 0; i < 16; ++i) new Call(&service, queue.get(), &plans);
    threads.emplace_back(Work, queue.get());
  }
  printf("listening on 127.0.0.1:%d\n", port);
  fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  _exit(0);  // calls may be open: nothing of them is worth a clean end
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc < 2) return fprintf(stderr, "bare_grpc_server PLAN_BYTES [PLANS]\n"), 2;
  return grouter::Run(std::strtoull(argv[1], nullptr, 10),
                      argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
}
