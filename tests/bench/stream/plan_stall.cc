// A trainer that waits for plans: steps of a given length, plans fetched ahead by `depth` steps (0: on
// demand).
//
//   plan_stall ADDRESS REQUEST_FILE STEP_MS STEPS DEPTH
// Prints {"steps", "step_ms", "stall_ms", "worst_ms"}: how long it waited for plans, per step and at worst.
// The first step's plan is not counted: nothing could run ahead of it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "client/grpc_plan_source.h"
#include "client/prefetching_plan_source.h"
#include "grouter/v1/catalog_service.pb.h"
#include "io/error.h"
#include "io/file.h"
#include "proto/codec.h"

int main(int argc, char** argv) {
  using namespace grouter;
  using Clock = std::chrono::steady_clock;
  if (argc < 6) return fprintf(stderr, "plan_stall ADDRESS REQUEST_FILE STEP_MS STEPS DEPTH\n"), 2;
  const auto step_time = std::chrono::milliseconds(std::atoi(argv[3]));
  const uint64_t steps = std::strtoull(argv[4], nullptr, 10);
  const absl::StatusOr<std::string> bytes = FileSystem::Local().ReadFile(argv[2]);
  GROUTER_CHECK(bytes.ok());
  v1::RegisterJobRequest request;
  GROUTER_CHECK(request.ParseFromString(*bytes));
  GrpcPlanSourceOptions options;
  options.servers = {argv[1]};
  options.spec = *FromWire(request.spec(), "spec");
  const auto depth = static_cast<uint32_t>(std::atoi(argv[5]));
  // On demand: no more credit than one plan needs, so that nothing is sent ahead.
  if (depth == 0) options.window_bytes = 1 << 20;
  auto connected = ConnectPlanSource(options);
  GROUTER_CHECK(connected.ok());
  const auto source = MakePrefetchingPlanSource(*std::move(connected), depth);
  double stall_ms = 0, worst_ms = 0;
  for (uint64_t step = 0; step < steps; ++step) {
    const auto asked = Clock::now();
    const auto part = source->Step(step);
    const auto plan = source->MicroBatch(step, 0);
    if (!part.ok() || !plan.ok()) {
      return fprintf(stderr, "step %llu: %s\n", static_cast<unsigned long long>(step),
                     (part.ok() ? plan.status() : part.status()).ToString().c_str()),
             3;
    }
    const double waited = std::chrono::duration<double, std::milli>(Clock::now() - asked).count();
    if (step > 0) stall_ms += waited;
    if (step > 0 && waited > worst_ms) worst_ms = waited;
    std::this_thread::sleep_until(Clock::now() + step_time);
    source->Finished(step);
  }
  printf("{\"steps\": %llu, \"step_ms\": %lld, \"stall_ms\": %.6f, \"worst_ms\": %.4f}\n",
         static_cast<unsigned long long>(steps), static_cast<long long>(step_time.count()),
         stall_ms / (steps - 1), worst_ms);
  return 0;
}
