// How even a load is: the two figures of the field, computed here and nowhere else. Pure.
#ifndef GROUTER_ROUTING_BALANCE_H_
#define GROUTER_ROUTING_BALANCE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace grouter {

// MaxVio: the largest load / the mean load - 1, over experts. Zero load, or no expert: 0.
double MaxVio(absl::Span<const uint64_t> load);

// Balancedness of one layer: the mean load / the largest load, over ranks, in (0, 1]. Zero load: 1.
double Balancedness(absl::Span<const uint64_t> rank_load);

// Per layer first, then the mean over layers. [layers][ranks]; no layer: 1.
double Balancedness(absl::Span<const std::vector<uint64_t>> rank_load_per_layer);

}  // namespace grouter

#endif  // GROUTER_ROUTING_BALANCE_H_
