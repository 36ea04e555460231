// A router as a value: what it is (RouterSpec) and its weights, and the folder it is stored in.
//   router.json         shape, gate, causality, context rule, tokenizer, history
//   router.safetensors  the weights, under the reference implementation's names (RouterTensorShapes)
// docs/router_network.md describes both.
#ifndef GROUTER_ROUTING_NETWORK_ROUTER_H_
#define GROUTER_ROUTING_NETWORK_ROUTER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "routing/network/router_spec.h"

namespace grouter {

// Row-major, float32.
struct RouterTensor {
  std::vector<uint64_t> shape;
  std::vector<float> values;
};

// Names of the tensors that more than one file touches.
extern const char kScoreWeight[];    // [E, hidden] the last linear layer
extern const char kSelectionBias[];  // [E] optional; added to scores for selection only

struct Router {
  RouterSpec spec;
  std::map<std::string, RouterTensor> tensors;
  Digest digest;  // of the folder as stored: set by LoadRouter and SaveRouter, zero before

  // Empty when this router selects without a bias.
  absl::Span<const float> selection_bias() const;
};

// Every tensor of a router of this shape, the optional bias apart.
std::map<std::string, std::vector<uint64_t>> RouterTensorShapes(const RouterShape& shape);

// Linear layers and embedding are drawn (mean 0, standard deviation 0.02, as the reference does), norms
// are 1. REQUIRES: the spec is valid.
Router RandomRouter(RouterSpec spec, uint64_t seed);

// The values of a tensor stored as F32, F16 or BF16; INVALID_ARGUMENT for other types.
absl::StatusOr<std::vector<float>> TensorValues(const TensorView& view, absl::string_view where);

// NOT_FOUND, INVALID_ARGUMENT (names the file and the field or tensor), UNIMPLEMENTED. Weights stored as F16,
// BF16 or F32 are read; others are refused.
absl::StatusOr<Router> LoadRouter(const std::string& folder, FileSystem& files = FileSystem::Local());

// Writes both files, router.json last, each by rename, and sets router->digest. INVALID_ARGUMENT for a router
// that does not hold together.
absl::Status SaveRouter(Router* router, const std::string& folder, FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_ROUTER_H_
