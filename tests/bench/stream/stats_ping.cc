// A statistics call each millisecond, whether the one before has been answered or not: stats_ping ADDRESS
// SECONDS. Prints {"p50_ms", "p99_ms", "calls"}, timed from when each call should have begun.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "io/error.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBetween(1);

struct Call {
  Clock::time_point due;
  grpc::ClientContext context;
  v1::GetStatsResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetStatsResponse>> reader;
};

int Run(const char* address, double seconds) {
  const auto stub =
      v1::StatsService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  v1::GetStatsRequest request;
  request.set_omit_expert_load(true);
  {
    grpc::ClientContext first;  // connects
    v1::GetStatsResponse response;
    GROUTER_CHECK(stub->GetStats(&first, request, &response).ok());
  }
  grpc::CompletionQueue queue;
  std::vector<double> late;
  size_t asked = 0;
  const auto begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (auto due = begin; due < end || late.size() < asked;) {
    const auto now = Clock::now();
    if (now >= due && due < end) {
      auto* call = new Call;
      call->due = due;
      call->reader = stub->AsyncGetStats(&call->context, request, &queue);
      call->reader->Finish(&call->response, &call->status, call);
      ++asked;
      due += kBetween;
      continue;
    }
    void* tag = nullptr;
    bool ok = false;
    const auto wait = due < end ? due - now : std::chrono::seconds(10);
    if (queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + wait) !=
        grpc::CompletionQueue::GOT_EVENT) {
      continue;
    }
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    GROUTER_CHECK(call->status.ok());
    late.push_back(std::chrono::duration<double, std::milli>(Clock::now() - call->due).count());
  }
  std::sort(late.begin(), late.end());
  printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"calls\": %zu}\n", late[late.size() / 2],
         late[late.size() * 99 / 100], late.size());
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "stats_ping ADDRESS SECONDS\n"), 2;
  return grouter::Run(argv[1], std::atof(argv[2]));
}
