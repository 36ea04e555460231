// Makes a served root and says where: "ROOT DIGEST REGISTER_REQUEST_HEX", then the payload of each part of
// steps 0 and 1 of rank 0 in hexadecimal, a line each. With the argument "large" the job's plans are longer
// than the least first grant, so that a stream waits for credit, and no payload is printed. For tests in
// other languages.
#include <cstdio>
#include <string>

#include "absl/strings/escaping.h"
#include "grouter/v1/catalog_service.pb.h"
#include "proto/codec.h"
#include "tests/testing/serving/served_job.h"

int main(int argc, char** argv) {
  const bool large = argc > 1 && std::string(argv[1]) == "large";
  grouter::testing::ServedJobOptions shape;
  if (large) {
    shape.num_samples = 16;
    shape.sample_length = 60000;
    shape.num_steps = 3;
    shape.second_epoch_at = 0;
  }
  const grouter::testing::ServedJob job = grouter::testing::MakeServedJob(shape);
  grouter::v1::RegisterJobRequest request;
  *request.mutable_spec() = grouter::ToWire(job.spec);
  printf("%s %s %s\n", job.root.c_str(), job.spec.digest().Hex().c_str(),
         absl::BytesToHexString(request.SerializeAsString()).c_str());
  if (large) return 0;
  const auto source = job.Local(0);
  for (uint64_t step = 0; step < 2; ++step) {
    printf("%s\n", absl::BytesToHexString(grouter::testing::StepBytes(source.get(), step)).c_str());
    for (uint32_t m = 0; m < 2; ++m) {
      printf("%s\n",
             absl::BytesToHexString(grouter::testing::MicroBatchBytes(source.get(), step, m)).c_str());
    }
  }
  return 0;
}
