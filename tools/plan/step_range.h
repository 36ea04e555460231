// Ranges of steps as people write them.
#ifndef GROUTER_TOOLS_PLAN_STEP_RANGE_H_
#define GROUTER_TOOLS_PLAN_STEP_RANGE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// Steps [first, last].
struct StepRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

// "3..7" is steps 3 to 7, "3.." to the job's last, "..7" from its first, "3" that one, "" all. REQUIRES:
// num_steps > 0. INVALID_ARGUMENT for anything else, OUT_OF_RANGE past the last step, which it names.
absl::StatusOr<StepRange> ParseStepRange(absl::string_view text, uint64_t num_steps);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_STEP_RANGE_H_
