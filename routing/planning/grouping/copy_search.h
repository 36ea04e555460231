// Which experts live together, judged by real tokens: a token's row is sent once to each place (a node, or a
// rank) that holds one of its experts, so the search counts the places that tokens visit.
#ifndef GROUTER_ROUTING_PLANNING_GROUPING_COPY_SEARCH_H_
#define GROUTER_ROUTING_PLANNING_GROUPING_COPY_SEARCH_H_

#include <cstdint>
#include <vector>

#include "routing/planning/grouping/token_sets.h"
#include "routing/planning/grouping/union_count.h"

namespace grouter {

struct CopyProblem {
  const TokenSets* tokens = nullptr;
  std::vector<uint64_t> load;        // [experts] token selections over the whole run
  std::vector<uint32_t> slots;       // [places] experts each holds; more than `load` has are not used
  std::vector<uint64_t> load_limit;  // [places]
  // [places] parts of the samples that each place is given (its ranks, say). A token visits the place of its
  // own sample for nothing, and each sample goes where its tokens cost least. Empty: samples are nowhere, and
  // each place counts.
  std::vector<uint32_t> sample_share;
  uint32_t batch_samples = 0;  // samples are assigned in batches of as many, in order; 0: all at once
  // What load that sways is worth: the samples, in order, are cut into `num_slices`, and a token's copies are
  // weighed against the mean over slices and places of (load / mean load)^2, in thousandths. Loads of samples
  // to come are as unlike those planned from as slices are unlike each other. 0: copies alone.
  uint32_t evenness_permille = 0;
  uint32_t num_slices = 16;
};

struct ExpertPlaces {
  std::vector<std::vector<uint32_t>> experts;  // [places], ascending
  // [experts] where a token goes whose own place does not hold the expert; the other holders are replicas.
  std::vector<uint32_t> home;
  std::vector<uint32_t> place_of_sample;  // empty without sample_share
  uint64_t excess = 0;                    // load above the limits, summed over places; 0: the caps are held
  uint64_t copies = 0;                    // (token, place) visits
  uint64_t cost = 0;                      // copies and, where it is weighed, uneven load

  bool BetterThan(const ExpertPlaces& other) const {
    return excess != other.excess ? excess < other.excess : cost < other.cost;
  }
};

// The places of least excess, then of least cost, that `iterations` tried moves find. Starts: `start`
// ([experts] -> place, as many as fit), then shuffles and the best so far with a few experts moved. A move
// exchanges two experts, gives a replica's slot to another expert, or changes a home; between descents the
// samples are assigned anew (exactly). Integer arithmetic on one thread: a function of its arguments,
// whatever `count` is. More iterations are never worse. REQUIRES: slots for all experts, `start` within the
// slots.
ExpertPlaces FindFewestCopies(const CopyProblem& problem, const std::vector<uint32_t>& start,
                              uint64_t iterations, uint64_t seed, UnionCount count = BestUnionCount());

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_GROUPING_COPY_SEARCH_H_
