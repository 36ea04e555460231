// How long work tells its caller where it is.
#ifndef GROUTER_ROUTING_NETWORK_PROGRESS_H_
#define GROUTER_ROUTING_NETWORK_PROGRESS_H_

#include <cstdint>
#include <functional>

#include "absl/strings/string_view.h"

namespace grouter {

struct Progress {
  absl::string_view phase;  // "distill", "measure", "route" ...
  uint64_t done = 0;        // in tokens
  uint64_t total = 0;
  double loss = 0;  // of the last step; 0 in phases without one
};

// Called from the thread that runs the work, now and then and at the end of each phase. Returning false ends
// the work with CANCELLED. May be empty.
using ProgressCallback = std::function<bool(const Progress&)>;

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_PROGRESS_H_
