// The router network ready to run: from the tokens of one sample to their experts. No LibTorch in this
// header.
#ifndef GROUTER_ROUTING_NETWORK_ROUTER_NETWORK_H_
#define GROUTER_ROUTING_NETWORK_ROUTER_NETWORK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/sample_tokens.h"
#include "routing/network/router.h"

namespace grouter {

// The routes of one sample, tokens in order.
struct SampleRoutes {
  uint32_t k = 0;
  std::vector<uint32_t> ids;   // [tokens x k], highest score first
  std::vector<float> weights;  // [tokens x k]
  std::vector<float> margins;  // [tokens] how far the k-th selected lies above the best left out
  uint32_t num_tokens() const { return static_cast<uint32_t>(margins.size()); }
};

// Immutable and thread-safe: any number of samples at once, each computed by the calling thread alone. A
// sample's results are a function of the weights and that sample, whatever is computed beside it, in which
// order, and by how many threads; on one machine they are equal bit for bit.
class RouterNetwork {
 public:
  // Copies the weights. REQUIRES: the router holds together (it was loaded, saved or made by this room).
  explicit RouterNetwork(const Router& router);
  ~RouterNetwork();

  const RouterSpec& spec() const;

  // INVALID_ARGUMENT for a token id outside the vocabulary (names token and position), DATA_LOSS for scores
  // that are not finite.
  absl::StatusOr<std::vector<float>> Scores(const SampleTokens& sample) const;  // [tokens x E]
  absl::StatusOr<std::vector<float>> Hidden(const SampleTokens& sample) const;  // [tokens x hidden]
  absl::StatusOr<SampleRoutes> Route(const SampleTokens& sample) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The first id outside [0, vocab_size), as an error; OK when all are inside.
absl::Status CheckVocabulary(const SampleTokens& sample, uint32_t vocab_size);

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_ROUTER_NETWORK_H_
