// Jobs for tests: small, valid, and different for every seed.
#ifndef GROUTER_TESTS_TESTING_SMALL_JOB_H_
#define GROUTER_TESTS_TESTING_SMALL_JOB_H_

#include <memory>
#include <vector>

#include "routing/planning/job.h"

namespace grouter {
namespace testing {

// A draft whose every field is drawn from `seed`; Validate() is OK. Its tables do not exist.
JobDraft RandomDraft(uint64_t seed);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_SMALL_JOB_H_
