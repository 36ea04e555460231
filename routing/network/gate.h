// The gate: from one token's scores to its experts and their weights. Pure.
#ifndef GROUTER_ROUTING_NETWORK_GATE_H_
#define GROUTER_ROUTING_NETWORK_GATE_H_

#include <cstdint>

#include "absl/types/span.h"

namespace grouter {

enum class GateScoring : uint8_t {
  kSoftmax = 0,            // softmax over the selected scores
  kNormalizedSigmoid = 1,  // sigmoid of each selected score / their sum
};

struct GateRule {
  uint32_t k = 4;  // experts per token, 1..16 and at most the number of experts
  GateScoring scoring = GateScoring::kSoftmax;
  double scaling_factor = 1.0;  // weights of a token sum to this
};

// Selects the k experts with the largest scores (scores + bias where a bias is given; it takes part in
// nothing else); of equal ones the smaller id. Writes k ids and weights, highest first. Returns the margin:
// how far the k-th lies above the best that was left out (infinity when none was). REQUIRES: k <=
// scores.size(); bias is empty or as long as scores; all finite; ids and weights hold k.
float SelectExperts(absl::Span<const float> scores, absl::Span<const float> bias, const GateRule& rule,
                    absl::Span<uint32_t> ids, absl::Span<float> weights);

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_GATE_H_
