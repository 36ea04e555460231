// Who decides which experts a token visits.
#ifndef GROUTER_TRAINER_MODEL_ROUTING_MODE_H_
#define GROUTER_TRAINER_MODEL_ROUTING_MODE_H_

#include <cstdint>

namespace grouter {

enum class RoutingMode : uint8_t {
  kPlan = 0,     // ids come with the plan; gate weights are stored or live
  kLearned = 1,  // the baseline: ids are the top k of the layer's own gate, counts are exchanged
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_ROUTING_MODE_H_
