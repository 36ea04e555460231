// A decorator that fetches plans ahead of the step.
#ifndef GROUTER_CLIENT_PREFETCHING_PLAN_SOURCE_H_
#define GROUTER_CLIENT_PREFETCHING_PLAN_SOURCE_H_

#include <cstdint>
#include <memory>

#include "client/plan_source.h"

namespace grouter {

// Numbers since the source was made.
struct PrefetchMetrics {
  uint64_t ready = 0;      // calls whose plan was there
  uint64_t waited = 0;     // calls that had to wait
  uint64_t waited_ns = 0;  // for how long, together
};

class PrefetchingPlanSource : public PlanSource {
 public:
  virtual PrefetchMetrics metrics() const = 0;
};

// When step s is first asked for, or finished, all parts of the steps up to s + depth are fetched on a thread
// of its own, in order. Depth 0: every call goes straight through. Plans of a step are let go when a later
// step is finished. The source is closed with the decorator.
std::unique_ptr<PrefetchingPlanSource> MakePrefetchingPlanSource(std::unique_ptr<PlanSource> source,
                                                                 uint32_t depth);

}  // namespace grouter

#endif  // GROUTER_CLIENT_PREFETCHING_PLAN_SOURCE_H_
