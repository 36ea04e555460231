// What every fault test asks in the end: each client received every step exactly once with the right digest,
// the server answers, and its memory is flat.
#ifndef GROUTER_TESTS_FAULT_WHOLE_JOB_H_
#define GROUTER_TESTS_FAULT_WHOLE_JOB_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/grpc_plan_source.h"
#include "io/digest.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace testing {

// GROUTER_LONG is set: minutes instead of seconds.
bool LongForm();

// A job of `num_steps` steps for 8 ranks.
ServedJob MakeFaultJob(uint64_t num_steps);

// For each rank, the digest of all its parts in order, by the embedded planner.
std::vector<Digest> DigestsOf(const ServedJob& job);

// Options of one rank's client, with deadlines that suit a server which is gone for moments.
GrpcPlanSourceOptions ClientOptions(const ServedJob& job, const std::vector<std::string>& servers,
                                    uint32_t rank);

// Reads the whole job as a trainer does, plans fetched 2 steps ahead, and returns the digest of all parts in
// the order received. `after_step` may be null. An error names the step.
absl::StatusOr<Digest> ReadWholeJob(const GrpcPlanSourceOptions& options,
                                    const std::function<void(uint64_t step)>& after_step = nullptr);

// All ranks at once, `rounds` times; each must receive its digest.
void ExpectAllRanksRead(const ServedJob& job, const std::vector<Digest>& digests,
                        const std::vector<std::string>& servers, int rounds = 1,
                        const std::function<void(uint64_t step)>& after_step = nullptr,
                        const std::function<void(GrpcPlanSourceOptions*)>& change = nullptr);

// Anonymous memory of a process in bytes; 0 where a sanitizer keeps what was freed, so that it says nothing.
uint64_t AnonymousMemory(pid_t process);

// `after` may exceed `before` by an eighth and 8 MiB: what an allocator keeps.
void ExpectFlat(uint64_t before, uint64_t after);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_FAULT_WHOLE_JOB_H_
