// Checks of plans by code that shares nothing with the planner but the values: what one client can check of
// its own plan, cheaply enough to do it for every plan.
#ifndef GROUTER_ROUTING_PLANNING_CERTIFICATE_H_
#define GROUTER_ROUTING_PLANNING_CERTIFICATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// DATA_LOSS with the field and both values at the first thing that is wrong. Checked: the key; the samples
// lie one after the other; every route's ids exist and are distinct; the planes' CRC; chunks cover the
// tokens; the rows this rank sends and the pairs it keeps, counted again from its own routes; quotas cover
// exactly its tokens of replicated experts; received rows and pairs fit each other; padded rows, buffer bytes
// and the device's memory. Of other ranks' routes it knows nothing: VerifyPlans checks all ranks together. A
// plan with a part of the layer groups is checked as such. REQUIRES: a spec that Validate() accepts.
absl::Status CheckMicroBatchPlan(const JobSpec& spec, const Placement& placement, const MicroBatchPlan& plan);

// The same for a step part of world rank `rank`: positions, counts, the uses and transfers name slots and
// experts that the placement in force has, at most num_resident_experts are on the device at once, each
// access finds its expert there, and what backward touched is written back.
absl::Status CheckStepPart(const JobSpec& spec, const PlacementSchedule& schedule, uint32_t rank,
                           const StepPart& part);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_CERTIFICATE_H_
