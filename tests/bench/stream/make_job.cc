// Makes a served root: make_job RANKS PLAN_BYTES STEPS [TABLE_BYTES]. Prints one JSON object: root,
// digest, plan_bytes (step part and micro-batch of rank 0), request (a file with the RegisterJobRequest),
// checksums (a file with lines "rank step part crc32c": what the embedded planner makes for some ranks and
// steps).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "grouter/v1/catalog_service.pb.h"
#include "io/digest.h"
#include "io/error.h"
#include "io/file.h"
#include "proto/codec.h"
#include "tests/bench/stream/stream_job.h"

namespace {

uint64_t PlanBytes(const grouter::testing::ServedJob& job) {
  const auto source = job.Local(0);
  return grouter::testing::StepBytes(source.get(), 0).size() +
         grouter::testing::MicroBatchBytes(source.get(), 0, 0).size();
}

std::string Checksums(const grouter::testing::ServedJob& job, const grouter::StreamJobOptions& options) {
  constexpr uint32_t kRanks = 4;
  constexpr uint64_t kSteps = 16;
  std::string lines;
  for (uint32_t rank = 0; rank < std::min(kRanks, options.num_ranks); ++rank) {
    const auto source = job.Local(rank);
    for (uint64_t step = 0; step < std::min(kSteps, options.num_steps); ++step) {
      const std::string parts[] = {grouter::testing::StepBytes(source.get(), step),
                                   grouter::testing::MicroBatchBytes(source.get(), step, 0)};
      for (int part = 0; part < 2; ++part) {
        absl::StrAppend(&lines, rank, " ", step, " ", part, " ",
                        grouter::Crc32c(parts[part].data(), parts[part].size(), 0), "\n");
      }
    }
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace grouter;
  if (argc < 4) return fprintf(stderr, "make_job RANKS PLAN_BYTES STEPS [TABLE_BYTES]\n"), 2;
  StreamJobOptions options;
  options.num_ranks = static_cast<uint32_t>(std::atoi(argv[1]));
  options.payload_bytes = std::strtoull(argv[2], nullptr, 10);
  options.num_steps = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4) options.table_bytes = std::strtoull(argv[4], nullptr, 10);
  // PLAN_BYTES are of the whole plan: what stands beside the routes is found with a small job.
  StreamJobOptions small;
  small.num_ranks = options.num_ranks;
  small.payload_bytes = 320;
  const uint64_t beside = PlanBytes(MakeStreamJob(small)) - small.payload_bytes;
  GROUTER_CHECK(options.payload_bytes > beside);
  options.payload_bytes -= beside;
  const testing::ServedJob job = MakeStreamJob(options);
  v1::RegisterJobRequest request;
  *request.mutable_spec() = ToWire(job.spec);
  const std::string file = JoinPath(job.root, "register");
  GROUTER_CHECK(WriteFileAtomically(FileSystem::Local(), file, request.SerializeAsString()).ok());
  const std::string checksums = JoinPath(job.root, "checksums");
  GROUTER_CHECK(WriteFileAtomically(FileSystem::Local(), checksums, Checksums(job, options)).ok());
  printf("{\"root\": \"%s\", \"digest\": \"%s\", \"plan_bytes\": %llu, \"request\": \"%s\", ",
         job.root.c_str(), job.spec.digest().Hex().c_str(), static_cast<unsigned long long>(PlanBytes(job)),
         file.c_str());
  printf("\"checksums\": \"%s\", \"ranks\": %u, \"samples\": %llu}\n", checksums.c_str(), options.num_ranks,
         static_cast<unsigned long long>(job.tables[0]->num_samples()));
  return 0;
}
