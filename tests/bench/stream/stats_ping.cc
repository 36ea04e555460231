// A statistics call each millisecond: stats_ping ADDRESS SECONDS. Prints {"p50_ms", "p99_ms", "calls"}, timed
// from when each call should have begun.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "io/error.h"

int main(int argc, char** argv) {
  using namespace grouter;
  using Clock = std::chrono::steady_clock;
  if (argc < 3) return fprintf(stderr, "stats_ping ADDRESS SECONDS\n"), 2;
  const auto stub =
      v1::StatsService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  const double seconds = std::atof(argv[2]);
  std::vector<double> late;
  const auto begin = Clock::now();
  for (auto due = begin; std::chrono::duration<double>(Clock::now() - begin).count() < seconds;
       due += std::chrono::milliseconds(1)) {
    std::this_thread::sleep_until(due);
    grpc::ClientContext context;
    v1::GetStatsRequest request;
    request.set_omit_expert_load(true);
    v1::GetStatsResponse response;
    GROUTER_CHECK(stub->GetStats(&context, request, &response).ok());
    late.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
  }
  std::sort(late.begin(), late.end());
  printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"calls\": %zu}\n", late[late.size() / 2],
         late[late.size() * 99 / 100], late.size());
  return 0;
}
