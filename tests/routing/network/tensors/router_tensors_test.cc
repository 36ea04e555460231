#include "routing/network/tensors/router_tensors.h"

#include <gtest/gtest.h>

#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

TEST(RouterTensors, StoresBackWhatWasTrained) {
  Router router = SmallRouter();
  const RouterTensors tensors(router, /*trainable=*/true);
  const std::vector<at::Tensor> parameters = tensors.parameters();
  ASSERT_EQ(parameters.size(), RouterTensorShapes(router.spec.shape).size());
  Router same = router;
  tensors.StoreTo(&same);
  EXPECT_EQ(same.tensors.at(kScoreWeight).values, router.tensors.at(kScoreWeight).values);
  for (const at::Tensor& parameter : parameters) parameter.data_ptr<float>()[0] = 42;
  tensors.StoreTo(&router);
  for (const auto& [name, tensor] : router.tensors) EXPECT_EQ(tensor.values[0], 42) << name;
}

TEST(RouterTensors, EveryWeightTakesAGradient) {
  const UseThreads one(1);
  const RouterTensors tensors(SmallRouter(), /*trainable=*/true);
  Random random(1);
  const SampleTokens sample = RandomSample(&random, 12, 50, 4);
  const at::Tensor scores = tensors.Scores(tensors.Hidden(MakeBatch({&sample, 1}, false)));
  EXPECT_EQ(scores.sizes(), (at::IntArrayRef{12, 8}));
  scores.square().sum().backward();
  for (const at::Tensor& parameter : tensors.parameters()) {
    ASSERT_TRUE(parameter.grad().defined());
    EXPECT_GT(parameter.grad().abs().sum().item<float>(), 0);
  }
}

TEST(RouterTensors, FrozenWeightsTakeNone) {
  const RouterTensors tensors(SmallRouter(), /*trainable=*/false);
  Random random(1);
  const SampleTokens sample = RandomSample(&random, 12, 50);
  EXPECT_FALSE(tensors.Hidden(MakeBatch({&sample, 1}, false)).requires_grad());
}

}  // namespace
}  // namespace grouter
