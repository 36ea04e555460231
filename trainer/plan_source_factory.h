// Where the trainer's plans come from: the one place that joins LibTorch's program with gRPC.
#ifndef GROUTER_TRAINER_PLAN_SOURCE_FACTORY_H_
#define GROUTER_TRAINER_PLAN_SOURCE_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/plan_source.h"
#include "trainer/config.h"

namespace grouter {

// Reads the job. With plans.servers its plans are streamed (ConnectPlanSource, errors there); without, they
// are made here from plans.tables and plans.schedule. Either way fetched plans.plans_ahead steps ahead of the
// step.
absl::StatusOr<std::unique_ptr<PlanSource>> MakeConfiguredPlanSource(const PlansConfig& plans, uint32_t rank);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PLAN_SOURCE_FACTORY_H_
