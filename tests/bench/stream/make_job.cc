// Makes a served root: make_job RANKS PLAN_BYTES STEPS [TABLE_BYTES]. Prints one JSON object: root,
// digest, plan_bytes (step part and micro-batch of rank 0), request (a file with the RegisterJobRequest).
#include <cstdio>
#include <cstdlib>
#include <string>

#include "grouter/v1/catalog_service.pb.h"
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
  printf("{\"root\": \"%s\", \"digest\": \"%s\", \"plan_bytes\": %llu, \"request\": \"%s\"}\n",
         job.root.c_str(), job.spec.digest().Hex().c_str(), static_cast<unsigned long long>(PlanBytes(job)),
         file.c_str());
  return 0;
}
