// The plan service as it is registered: streams as raw methods on completion queues, so that table bytes are
// sent from where they lie; small calls by gRPC's callback API, on threads of their own.
#ifndef GROUTER_SERVER_STREAM_PLAN_SERVICE_RAW_H_
#define GROUTER_SERVER_STREAM_PLAN_SERVICE_RAW_H_

#include "grouter/v1/plan_service.grpc.pb.h"

namespace grouter {

using PlanServiceRaw =
    v1::PlanService::WithCallbackMethod_DescribePlan<v1::PlanService::WithCallbackMethod_GetPlacement<
        v1::PlanService::WithCallbackMethod_WatchPlacement<v1::PlanService::WithRawMethod_GetPlan<
            v1::PlanService::WithRawMethod_StreamPlans<v1::PlanService::Service>>>>>;

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_PLAN_SERVICE_RAW_H_
