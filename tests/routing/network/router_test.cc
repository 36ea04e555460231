#include "routing/network/router.h"

#include <gtest/gtest.h>

#include <cmath>

#include "routing/table/weights.h"
#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

std::string Folder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = JoinPath(::testing::TempDir(), std::string("router_test_") + test->name());
  EXPECT_TRUE(FileSystem::Local().RemoveTree(folder).ok());
  return folder;
}

TEST(Router, ComesBackWithEqualBitsAndDigest) {
  const std::string folder = Folder();
  Router router = SmallRouter();
  router.tensors[kSelectionBias] = {{8}, std::vector<float>(8, 0.25f)};
  ASSERT_TRUE(SaveRouter(&router, folder).ok());
  const auto loaded = LoadRouter(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->digest, router.digest);
  EXPECT_FALSE(router.digest.IsZero());
  EXPECT_EQ(loaded->spec.ToJson(), router.spec.ToJson());
  ASSERT_EQ(loaded->tensors.size(), router.tensors.size());
  for (const auto& [name, tensor] : router.tensors) {
    EXPECT_EQ(loaded->tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(loaded->tensors.at(name).values, tensor.values) << name;
  }
  EXPECT_EQ(loaded->selection_bias().size(), 8u);
}

TEST(Router, AnyChangeGivesAnotherDigest) {
  Router router = SmallRouter();
  ASSERT_TRUE(SaveRouter(&router, Folder()).ok());
  const Digest digest = router.digest;
  router.tensors[kScoreWeight].values[3] += 1;
  ASSERT_TRUE(SaveRouter(&router, Folder()).ok());
  const Digest other_weights = router.digest;
  router.spec.history.push_back("{}");
  ASSERT_TRUE(SaveRouter(&router, Folder()).ok());
  EXPECT_NE(other_weights, digest);
  EXPECT_NE(router.digest, other_weights);
}

TEST(Router, UsesTheReferenceImplementationsNames) {
  const auto shapes = RouterTensorShapes(SmallSpec().shape);
  EXPECT_EQ(shapes.size(), 3u + 2 * 9);
  EXPECT_EQ(shapes.at("grouter_structure.model.embed_tokens.embed_tokens.weight"),
            (std::vector<uint64_t>{50, 16}));
  EXPECT_EQ(shapes.at("grouter_structure.model.layers.1.self_attn.q_proj.weight"),
            (std::vector<uint64_t>{16, 16}));
  EXPECT_EQ(shapes.at("grouter_structure.model.layers.0.mlp.down_proj.weight"),
            (std::vector<uint64_t>{16, 24}));
  EXPECT_EQ(shapes.at("grouter_structure.score.score.weight"), (std::vector<uint64_t>{8, 16}));
}

TEST(Router, ReadsHalfPrecisionWeights) {
  const std::string folder = Folder();
  Router router = SmallRouter();
  ASSERT_TRUE(SaveRouter(&router, folder).ok());
  std::map<std::string, std::string> bytes;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : router.tensors) {
    for (const float value : tensor.values) AppendWeight(value, WeightType::kBFloat16, &bytes[name]);
    views.push_back({{name, TensorType::kBF16, tensor.shape}, bytes[name]});
  }
  ASSERT_TRUE(WriteSafetensors(JoinPath(folder, "router.safetensors"), views).ok());
  const auto loaded = LoadRouter(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const float wanted = router.tensors[kScoreWeight].values[5];
  EXPECT_NEAR(loaded->tensors.at(kScoreWeight).values[5], wanted, std::abs(wanted) / 200);
}

TEST(Router, RefusesWeightsThatDoNotBelongToTheDescription) {
  const std::string folder = Folder();
  EXPECT_EQ(LoadRouter(folder).status().code(), absl::StatusCode::kNotFound);
  Router router = SmallRouter();
  ASSERT_TRUE(SaveRouter(&router, folder).ok());
  Router other = router;
  other.spec.shape.num_experts = 9;
  ASSERT_TRUE(
      WriteFileAtomically(FileSystem::Local(), JoinPath(folder, "router.json"), other.spec.ToJson()).ok());
  EXPECT_EQ(LoadRouter(folder).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SaveRouter(&other, folder).code(), absl::StatusCode::kInvalidArgument);
  other = router;
  other.tensors["stray"] = {{1}, {0.0f}};
  EXPECT_EQ(SaveRouter(&other, folder).code(), absl::StatusCode::kInvalidArgument);
}

TEST(RandomRouter, IsAFunctionOfItsSeed) {
  const Router a = RandomRouter(SmallSpec(), 7);
  const Router b = RandomRouter(SmallSpec(), 7);
  const Router c = RandomRouter(SmallSpec(), 8);
  EXPECT_EQ(a.tensors.at(kScoreWeight).values, b.tensors.at(kScoreWeight).values);
  EXPECT_NE(a.tensors.at(kScoreWeight).values, c.tensors.at(kScoreWeight).values);
  double sum = 0, squares = 0;
  const auto& values = a.tensors.at("grouter_structure.model.embed_tokens.embed_tokens.weight").values;
  for (const float v : values) {
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / values.size(), 0, 0.003);
  EXPECT_NEAR(std::sqrt(squares / values.size()), 0.02, 0.002);
  EXPECT_EQ(a.tensors.at("grouter_structure.model.norm.weight").values, std::vector<float>(16, 1.0f));
}

}  // namespace
}  // namespace grouter
