// Routes in Megatron .bin/.idx pairs: one sequence per sample, whose elements are ids (or weights) in the
// order [layer group][token][k].
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_DATASET_SOURCE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_DATASET_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "routing/table/exchange/route_source.h"

namespace grouter {

struct DatasetSourceOptions {
  std::string ids_prefix;
  std::string weights_prefix;  // empty: no weights
  uint32_t num_layer_groups = 1;
  uint32_t k = 0;
  MissingMarkers markers;
  uint32_t num_experts = 0;
  bool per_token_k = false;
  // The paper's pair: a token's ids ascending and its scores ascending, so that which id had which score is
  // lost. The i-th id is paired with the i-th score, then both are stored highest score first.
  bool reference = false;
};

// INVALID_ARGUMENT when a sequence is not a whole number of tokens or the pairs have different lengths.
absl::StatusOr<std::unique_ptr<RouteSource>> OpenDatasetSource(const DatasetSourceOptions& options,
                                                               FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_DATASET_SOURCE_H_
