// The one objective: predicted nanoseconds, from a topology's bandwidths and latencies. Integers throughout.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_COST_MODEL_H_
#define GROUTER_ROUTING_PLANNING_BATCH_COST_MODEL_H_

#include <cstdint>

#include "routing/planning/batch/micro_batch_traffic.h"

namespace grouter {

// What one micro-batch's MoE layers take, in ns, forward and backward. Chunks follow each other; each takes
// the busiest rank's dispatch, expert and combine time:
//   link     rows sent or received, whichever are more, x row bytes / bandwidth + latency, scale-up and
//            scale-out at once, the slower one counts; the same again for combine
//   experts  pairs x 2 x weights of an expert / flops per second (weights = expert_weight_bytes /
//   activation_bytes)
// Backward moves the same rows and computes twice as much. A layer group counts once per MoE layer.
uint64_t PredictMicroBatchNs(const TrafficModel& model, const MicroBatchTraffic& traffic);

// The same by part. In each layer and chunk the slower link counts, so only one of the first two grows.
struct MoeCost {
  uint64_t scale_out_ns = 0;  // where scale-out was the slower link
  uint64_t scale_up_ns = 0;   // where scale-up was
  uint64_t expert_ns = 0;
  uint64_t scale_out_rows = 0;  // sent over it by all ranks together, dispatch of every layer
  uint64_t scale_up_rows = 0;
  uint64_t total_ns() const { return scale_out_ns + scale_up_ns + expert_ns; }
  MoeCost& operator+=(const MoeCost& other);
};
MoeCost PredictMicroBatchCost(const TrafficModel& model, const MicroBatchTraffic& traffic);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_COST_MODEL_H_
