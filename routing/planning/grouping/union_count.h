// Counts bits of a set that loses one member set and gains another: the inner loop of the search for
// placements.
#ifndef GROUTER_ROUTING_PLANNING_GROUPING_UNION_COUNT_H_
#define GROUTER_ROUTING_PLANNING_GROUPING_UNION_COUNT_H_

#include <cstddef>
#include <cstdint>

namespace grouter {

// `once` has the bits that at least one member set has, `twice` those that at least two have. Returns how
// many bits the union has without `removed` (a member, or all zeros) and with `added`. All have `words`
// words.
using UnionCount = uint64_t (*)(const uint64_t* once, const uint64_t* twice, const uint64_t* removed,
                                const uint64_t* added, size_t words);

uint64_t UnionCountPortable(const uint64_t* once, const uint64_t* twice, const uint64_t* removed,
                            const uint64_t* added, size_t words);
// The same for processors with POPCNT, and with AVX-512 VPOPCNTDQ; nullptr where this one lacks it.
UnionCount UnionCountPopcnt();
UnionCount UnionCountAvx512();

// The fastest that this processor has; all give the same counts.
UnionCount BestUnionCount();

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_GROUPING_UNION_COUNT_H_
