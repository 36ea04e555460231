// Spare slots given to hot experts.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_REPLICATE_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_REPLICATE_H_

#include <cstdint>
#include <vector>

namespace grouter {

// Fills the ranks of *slots ([rank] -> experts) up to `slot_counts`: each spare slot goes to the expert of
// the greatest load per copy that the emptiest rank with room does not hold yet. Never two copies on one
// rank; a slot for which no expert is left stays unfilled. Ties by id. An expert without load gets no
// replica.
void AddReplicas(const std::vector<uint64_t>& load, const std::vector<uint32_t>& slot_counts,
                 std::vector<std::vector<uint32_t>>* slots);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_REPLICATE_H_
