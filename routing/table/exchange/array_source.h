// Routes in arrays of ids: .npy, .npz and safetensors, in any integer type and the layouts in use.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_ARRAY_SOURCE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_ARRAY_SOURCE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "routing/table/exchange/npy.h"
#include "routing/table/exchange/route_source.h"

namespace grouter {

enum class ArrayLayout {
  kLayersTokens,         // [layers, tokens, k] or [tokens, k]: samples end to end
  kTokensLayers,         // [tokens, layers, k]: samples end to end
  kSamplesTokensLayers,  // [samples, tokens, layers, k]: samples padded to one length
};

struct ArraySourceOptions {
  ArrayLayout layout = ArrayLayout::kLayersTokens;
  ArrayView ids;
  absl::optional<ArrayView> weights;  // of the ids' shape
  absl::optional<ArrayView> lengths;  // [samples] integers; absent: one sample, or all of the padded length
  MissingMarkers markers;
  uint32_t num_experts = 0;  // 65,536 while it is not known
  bool per_token_k = false;
};

// The bytes behind the views must outlive the source. INVALID_ARGUMENT when shapes do not fit each other or
// lengths do not sum to the tokens.
absl::StatusOr<std::unique_ptr<RouteSource>> MakeArraySource(const ArraySourceOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_ARRAY_SOURCE_H_
