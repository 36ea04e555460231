#include "tests/fault/whole_job.h"

#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/prefetching_plan_source.h"
#include "gtest/gtest.h"
#include "io/error.h"

namespace grouter {
namespace testing {
namespace {

constexpr uint32_t kDepth = 2;

absl::Status AtStep(uint64_t step, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("step ", step, ": ", status.message()));
}

}  // namespace

bool LongForm() { return std::getenv("GROUTER_LONG") != nullptr; }

ServedJob MakeFaultJob(uint64_t num_steps) {
  ServedJobOptions shape;
  shape.num_samples = 256;
  shape.num_nodes = 2;
  shape.ranks_per_node = 4;
  shape.ep_size = 4;
  shape.samples_per_step = 16;
  shape.num_steps = num_steps;
  shape.second_epoch_at = num_steps / 2;
  return MakeServedJob(shape);
}

std::vector<Digest> DigestsOf(const ServedJob& job) {
  std::vector<Digest> digests;
  const BatchShape& batch = job.spec.draft.batch;
  for (uint32_t rank = 0; rank < job.spec.draft.topology.world_size(); ++rank) {
    const auto source = job.Local(rank);
    Sha256Stream all;
    for (uint64_t step = 0; step < source->num_steps(); ++step) {
      all.Update(StepBytes(source.get(), step));
      for (uint32_t m = 0; m < batch.num_micro_batches; ++m)
        all.Update(MicroBatchBytes(source.get(), step, m));
    }
    digests.push_back(all.Finish());
  }
  return digests;
}

GrpcPlanSourceOptions ClientOptions(const ServedJob& job, const std::vector<std::string>& servers,
                                    uint32_t rank) {
  GrpcPlanSourceOptions options;
  options.servers = servers;
  options.spec = job.spec;
  options.rank = rank;
  options.call_timeout = std::chrono::milliseconds(1000);
  options.progress_timeout = std::chrono::milliseconds(1000);
  return options;
}

absl::StatusOr<Digest> ReadWholeJob(const GrpcPlanSourceOptions& options,
                                    const std::function<void(uint64_t step)>& after_step) {
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<GrpcPlanSource> connected, ConnectPlanSource(options));
  const auto source = MakePrefetchingPlanSource(std::move(connected), kDepth);
  Sha256Stream all;
  for (uint64_t step = 0; step < source->num_steps(); ++step) {
    const auto part = source->Step(step);
    if (!part.ok()) return AtStep(step, part.status());
    all.Update(EncodeStepPart(**part));
    for (uint32_t m = 0; m < options.spec.draft.batch.num_micro_batches; ++m) {
      const auto plan = source->MicroBatch(step, m);
      if (!plan.ok()) return AtStep(step, plan.status());
      all.Update(EncodeMicroBatchPlan(**plan).Flatten());
    }
    source->Finished(step);
    if (after_step) after_step(step);
  }
  return all.Finish();
}

void ExpectAllRanksRead(const ServedJob& job, const std::vector<Digest>& digests,
                        const std::vector<std::string>& servers, int rounds,
                        const std::function<void(uint64_t step)>& after_step,
                        const std::function<void(GrpcPlanSourceOptions*)>& change) {
  std::vector<std::thread> clients;
  for (uint32_t rank = 0; rank < digests.size(); ++rank) {
    clients.emplace_back([&, rank] {
      GrpcPlanSourceOptions options = ClientOptions(job, servers, rank);
      if (change) change(&options);
      for (int round = 0; round < rounds; ++round) {
        const absl::StatusOr<Digest> received = ReadWholeJob(options, after_step);
        ASSERT_TRUE(received.ok()) << "rank " << rank << ": " << received.status();
        EXPECT_EQ(*received, digests[rank]) << "rank " << rank;
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

// g++ tells by a macro that a sanitizer is at work, clang by a feature.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GROUTER_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GROUTER_SANITIZED
#endif

uint64_t AnonymousMemory(pid_t process) {
#if defined(GROUTER_SANITIZED)
  return 0;
#else
  std::ifstream status(absl::StrCat("/proc/", process, "/status"));
  std::string word;
  uint64_t kib = 0;
  while (status >> word) {
    if (word == "RssAnon:" && status >> kib) return kib << 10;
  }
  return 0;
#endif
}

void ExpectFlat(uint64_t before, uint64_t after) {
  EXPECT_LE(after, before + before / 8 + (uint64_t{8} << 20));
}

}  // namespace testing
}  // namespace grouter
