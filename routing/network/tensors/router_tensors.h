// A router's weights as tensors, and its forward pass; distillation trains them. For this room's sources:
// others use router_network.h, which needs no LibTorch.
#ifndef GROUTER_ROUTING_NETWORK_TENSORS_ROUTER_TENSORS_H_
#define GROUTER_ROUTING_NETWORK_TENSORS_ROUTER_TENSORS_H_

#include <map>
#include <string>
#include <vector>

#include "routing/network/router.h"
#include "routing/network/tensors/transformer.h"

namespace grouter {

// One thread at a time while weights change; else thread-safe.
class RouterTensors {
 public:
  // Copies the weights. `trainable`: they take gradients. REQUIRES: the router holds together.
  RouterTensors(const Router& router, bool trainable);

  // Copies the weights back; the rest of *router stays.
  void StoreTo(Router* router) const;

  // What the last linear layer sees: [T, hidden].
  at::Tensor Hidden(const TokenBatch& batch) const;
  // [T, hidden] -> [T, E].
  at::Tensor Scores(const at::Tensor& hidden) const;

  // All trainable tensors in the order of their names (the selection bias is none).
  std::vector<at::Tensor> parameters() const;

 private:
  struct Block {
    AttentionWeights attention;
    MlpWeights mlp;
  };
  RouterSpec spec_;
  AttentionRule rule_;
  std::map<std::string, at::Tensor> tensors_;
  at::Tensor embedding_, norm_, score_;
  std::vector<Block> blocks_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TENSORS_ROUTER_TENSORS_H_
