#include "tools/plan/step_range.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

// An empty side keeps its default. Signs and spaces are no digits.
bool ReadSide(absl::string_view text, uint64_t* value) {
  return text.empty() ||
         (text.find_first_not_of("0123456789") == absl::string_view::npos && absl::SimpleAtoi(text, value));
}

}  // namespace

absl::StatusOr<StepRange> ParseStepRange(absl::string_view text, uint64_t num_steps) {
  StepRange range{0, num_steps - 1};
  const size_t dots = text.find("..");
  bool good = ReadSide(text.substr(0, dots), &range.first);
  if (dots != absl::string_view::npos) {
    good = good && ReadSide(text.substr(dots + 2), &range.last);
  } else if (!text.empty()) {
    range.last = range.first;
  }
  if (!good || range.first > range.last) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("\"", text, "\" is no range of steps"),
                 "--steps", "write FIRST..LAST, as 0..99");
  }
  if (range.last >= num_steps) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("step ", range.last, " is past the last, ", num_steps - 1), "--steps",
                 "ask for what the job has");
  }
  return range;
}

}  // namespace grouter
