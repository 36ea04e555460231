// Reads one rank's micro-batch plan off the shared work.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_RANK_PLAN_H_
#define GROUTER_ROUTING_PLANNING_BATCH_RANK_PLAN_H_

#include "routing/planning/batch/micro_batch_traffic.h"
#include "routing/planning/plan.h"

namespace grouter {

// Everything but step, micro_batch and storage is filled in. REQUIRES: rank < world size.
MicroBatchPlan PlanForRank(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t rank);

// [local slot] pairs that `source` sends to the slots of `rank` in one chunk, written to counts. Both ranks
// are world ranks of one EP group.
void CountsForSlots(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t layer_group,
                    uint32_t chunk, uint32_t source, uint32_t rank, uint32_t* counts);

// The same of every world rank, on up to `num_threads` threads, which change the time only.
std::vector<MicroBatchPlan> PlanForAllRanks(const TrafficModel& model, const MicroBatchTraffic& traffic,
                                            uint32_t num_threads);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_RANK_PLAN_H_
