// The lossy step: every weight is rounded to one of about 16 levels an octave, so that it takes fewer bits.
#ifndef GROUTER_ROUTING_TABLE_PACKED_LOSSY_WEIGHTS_H_
#define GROUTER_ROUTING_TABLE_PACKED_LOSSY_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// Pure once made; thread-safe.
class WeightRounding {
 public:
  // Every result w' of a weight w has |w' - w| <= max_relative_error * |w|; zero, and what is too small for
  // 16 bits to keep the bound, stays as it is. REQUIRES: 0 < max_relative_error < 0.5, type not kNone.
  WeightRounding(WeightType type, double max_relative_error);
  // The weights plane of a record of the same type. The first weight of a token becomes what the others leave
  // of the token's sum (to a 64th), where the bound allows it: a packed table then stores nothing for it.
  std::string Round(const RouteView& record) const;

 private:
  float RoundOne(float weight) const;
  float Nearest(float size) const;

  const WeightType type_;
  const double max_error_;
  std::vector<uint16_t> rounded_;  // of 16-bit types: by the weight's bits
  std::vector<float> levels_;      // ascending, positive
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_LOSSY_WEIGHTS_H_
