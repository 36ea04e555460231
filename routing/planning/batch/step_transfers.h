// What moves in a step besides tokens: expert weights to and from the device, experts between ranks when a
// placement epoch begins, gradients and weights between an expert's slots.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_STEP_TRANSFERS_H_
#define GROUTER_ROUTING_PLANNING_BATCH_STEP_TRANSFERS_H_

#include <memory>
#include <vector>

#include "routing/planning/batch/micro_batch_traffic.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// Fills part->need_order, num_accesses, accesses and transfers for world rank `rank`. `moves` are those into
// the placement epoch that begins with this step, or nullptr; `traffic` has one entry per micro-batch.
//
// Issue order: migrations (in the schedule's order, layer by layer), then fetches, evictions and write-backs,
// then replica gradients to their owners and weights back, ascending by (layer, expert, slot). Every rank of
// an EP group lists the transfers between ranks in one common order, so that waiting for a peer never closes
// a ring.
void PlanTransfers(const TrafficModel& model, const std::vector<ExpertMove>* moves,
                   const std::vector<std::shared_ptr<const MicroBatchTraffic>>& traffic, uint32_t rank,
                   StepPart* part);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_STEP_TRANSFERS_H_
