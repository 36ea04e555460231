// The transportation problem: who goes where, at least total cost, with every capacity met exactly.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_TRANSPORT_H_
#define GROUTER_ROUTING_PLANNING_BATCH_TRANSPORT_H_

#include <cstdint>
#include <vector>

namespace grouter {

// Places `num_items` items in places. `cost`[item * capacity.size() + place]; the capacities sum to at least
// num_items, and each is an upper bound. Exact: no assignment costs less. Ties go to lower ids in a fixed
// way, so the result is a function of the arguments. Successive shortest paths on the graph of places:
// O(items x places^2) when few paths are long. Returns the place of each item.
// REQUIRES: costs below 2^53 in size, capacities summing to num_items or more.
std::vector<uint32_t> SolveTransport(uint32_t num_items, const std::vector<int64_t>& cost,
                                     const std::vector<uint32_t>& capacity);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_TRANSPORT_H_
