#include "kernels/gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CudaSelectTopk, PicksTheCpuTwinsIdsAlsoWhenScoresTie) {
  const DeviceKernels kernels;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Random random(seed);
    const int64_t tokens = random.Below(7), experts = 1 + random.Below(80),
                  k = random.Below(std::min<int64_t>(experts, 16) + 1);
    std::vector<float> scores(tokens * experts), bias(experts);
    for (float& score : scores) score = static_cast<float>(random.Below(5)) - 2;  // many ties, two zeros
    for (float& score : scores) score = random.Below(3) == 0 ? -score : score;
    for (float& b : bias) b = static_cast<float>(random.Below(3));
    const bool biased = seed % 2 == 0;
    std::vector<int32_t> ids(tokens * k, -7);
    const DeviceArray<float> on_scores(scores), on_bias(bias);
    const DeviceArray<int32_t> on_ids(ids);
    cpu::SelectTopk({tokens, experts, k, scores.data(), biased ? bias.data() : nullptr, ids.data()});
    kernels->SelectTopk(
        {tokens, experts, k, on_scores.data(), biased ? on_bias.data() : nullptr, on_ids.data()});
    EXPECT_EQ(on_ids.values(), ids);
  }
}

TEST(CudaSelectTopk, WhatIsNotANumberIsTakenLast) {
  const DeviceKernels kernels;
  const DeviceArray<float> scores({NAN, -INFINITY, 2, NAN, INFINITY});
  const DeviceArray<int32_t> ids(5);
  kernels->SelectTopk({1, 5, 5, scores.data(), nullptr, ids.data()});
  EXPECT_EQ(ids.values(), (std::vector<int32_t>{4, 2, 1, 0, 3}));
}

TEST(CudaGateWeights, ForwardAndBackwardAreTheCpuTwins) {
  const DeviceKernels kernels;
  for (int64_t tokens : {0, 1, 19}) {
    const int64_t experts = 9, k = 4;
    Random random(tokens);
    std::vector<int32_t> ids(tokens * k);
    for (int64_t i = 0; i < tokens * k; ++i) {  // distinct in a token, some none, one token without any
      ids[i] = i / k == 3 || random.Below(4) == 0 ? -1 : static_cast<int32_t>((i * 2 + i / k) % experts);
    }
    const auto scores = RandomFloats(1, tokens * experts, 3), dweights = RandomFloats(2, tokens * k);
    std::vector<float> weights(tokens * k);
    auto dscores = RandomFloats(3, tokens * experts);
    const DeviceArray<float> on_scores(scores), on_dweights(dweights), on_weights(weights),
        on_dscores(dscores);
    const DeviceArray<int32_t> on_ids(ids);
    cpu::GateWeights({tokens, experts, k, scores.data(), ids.data(), weights.data()});
    cpu::GateWeightsBackward(
        {tokens, experts, k, ids.data(), weights.data(), dweights.data(), dscores.data()});
    kernels->GateWeights({tokens, experts, k, on_scores.data(), on_ids.data(), on_weights.data()});
    kernels->GateWeightsBackward(
        {tokens, experts, k, on_ids.data(), on_weights.data(), on_dweights.data(), on_dscores.data()});
    ExpectNear(on_weights.values(), weights, 1e-5f);
    ExpectNear(on_dscores.values(), dscores, 1e-5f);
  }
}

TEST(CudaRouterLoss, IsTheCpuTwin) {
  const DeviceKernels kernels;
  for (int64_t tokens : {0, 1, 22}) {
    for (int64_t experts : {2, 33, 70}) {
      const auto scores = RandomFloats(1, tokens * experts, 3), share = RandomFloats(2, experts);
      auto dscores = RandomFloats(3, tokens * experts);
      std::vector<double> balance = {2}, z = {-1};
      const DeviceArray<float> on_scores(scores), on_share(share), on_dscores(dscores);
      const DeviceArray<double> on_balance(balance), on_z(z);
      cpu::RouterLoss({tokens, experts, 0.3f, 0.1f, scores.data(), share.data(), dscores.data(),
                       balance.data(), z.data()});
      kernels->RouterLoss({tokens, experts, 0.3f, 0.1f, on_scores.data(), on_share.data(), on_dscores.data(),
                           on_balance.data(), on_z.data()});
      ExpectNear(on_dscores.values(), dscores, 1e-5f);
      EXPECT_NEAR(on_balance.values()[0], balance[0], 1e-5);
      EXPECT_NEAR(on_z.values()[0], z[0], 1e-5 * (1 + std::abs(z[0])));
    }
  }
}

}  // namespace
}  // namespace grouter
