#include "trainer/model/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace {

TEST(DenseParameters, LieOneAfterTheOtherMatricesFirst) {
  const ModelConfig config = testing::SmallModelConfig();
  const auto parameters = DenseParameters::Create(config);
  ASSERT_TRUE(parameters.ok());
  uint64_t at = 0;
  std::set<std::string> names;
  for (const ParameterSpec& spec : parameters->specs()) {
    EXPECT_EQ(spec.offset, at);
    EXPECT_EQ(spec.decays, spec.offset < parameters->num_decaying()) << spec.name;
    names.insert(spec.name);
    at += spec.size();
  }
  EXPECT_EQ(at, parameters->size());
  EXPECT_EQ(names.size(), 3u + 2 * 7);
  EXPECT_EQ(names.count("model.layers.1.self_attn.q_proj.weight"), 1u);
}

TEST(DenseParameters, InitialValuesFollowFromTheSeedAlone) {
  const ModelConfig config = testing::SmallModelConfig();
  auto a = DenseParameters::Create(config), b = DenseParameters::Create(config);
  ASSERT_TRUE(a->Initialize(config, 1).ok());
  ASSERT_TRUE(b->Initialize(config, 1).ok());
  EXPECT_TRUE(std::equal(a->weights(), a->weights() + a->size(), b->weights()));
  ASSERT_TRUE(b->Initialize(config, 2).ok());
  EXPECT_FALSE(std::equal(a->weights(), a->weights() + a->size(), b->weights()));
  double squares = 0;
  const uint64_t count = config.vocab_size * config.hidden_size;
  for (uint64_t i = 0; i < count; ++i) squares += a->weights()[i] * a->weights()[i];
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.003);
  EXPECT_EQ(a->weights()[a->final_norm()], 1);
}

TEST(InitializeExpert, DiffersBetweenExpertsAndLayers) {
  const ModelConfig config = testing::SmallModelConfig();
  const uint64_t size = config.expert_shape().size();
  std::vector<float> a(size), b(size), c(size), again(size);
  InitializeExpert(config, 0, 0, 1, a.data());
  InitializeExpert(config, 0, 1, 1, b.data());
  InitializeExpert(config, 1, 0, 1, c.data());
  InitializeExpert(config, 0, 0, 1, again.data());
  EXPECT_EQ(a, again);
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
}

}  // namespace
}  // namespace grouter
