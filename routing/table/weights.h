// Gate weights in the types a table stores. Pure; conversion rounds to nearest, ties to even.
#ifndef GROUTER_ROUTING_TABLE_WEIGHTS_H_
#define GROUTER_ROUTING_TABLE_WEIGHTS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "routing/table/routing_table.h"

namespace grouter {

// "f32", "bf16", "f16", "none".
absl::string_view WeightTypeName(WeightType type);
absl::StatusOr<WeightType> ParseWeightType(absl::string_view name);

float BFloat16ToFloat(uint16_t bits);
uint16_t FloatToBFloat16(float value);
float Float16ToFloat(uint16_t bits);
uint16_t FloatToFloat16(float value);

// The i-th weight of a plane. REQUIRES: inside it, type not kNone.
float WeightAt(absl::string_view plane, WeightType type, size_t i);
void AppendWeight(float value, WeightType type, std::string* plane);

// A plane of another type; kNone gives an empty plane. REQUIRES: from is not kNone unless to is.
std::string ConvertWeights(absl::string_view plane, WeightType from, WeightType to);

// The index of the first weight that is NaN or infinite; -1: none.
int64_t FirstNonFinite(absl::string_view plane, WeightType type);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_WEIGHTS_H_
