#include "routing/network/router_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "tests/routing/network/memory_samples.h"
#include "tests/routing/network/naive_network.h"

namespace grouter {
namespace {

// The whole network by plain loops.
Matrix NaiveScores(const Router& router, const SampleTokens& sample) {
  const RouterShape& shape = router.spec.shape;
  const auto values = [&](const std::string& name) { return router.tensors.at(name).values; };
  const auto matrix = [&](const std::string& name) {
    return ToMatrix(values(name), router.tensors.at(name).shape[0]);
  };
  std::vector<size_t> begin, end;
  for (size_t d = 0; d < sample.document_starts.size(); ++d) {
    const bool last = d + 1 == sample.document_starts.size();
    const size_t stop = last ? sample.tokens.size() : sample.document_starts[d + 1];
    for (size_t t = sample.document_starts[d]; t < stop; ++t) {
      begin.push_back(router.spec.cross_document ? 0 : sample.document_starts[d]);
      end.push_back(router.spec.causality == Causality::kCausal                ? t + 1
                    : router.spec.causality == Causality::kPackedBidirectional ? sample.tokens.size()
                                                                               : stop);
    }
  }
  Matrix x;
  for (const uint32_t token : sample.tokens) {
    x.push_back(matrix("grouter_structure.model.embed_tokens.embed_tokens.weight")[token]);
  }
  for (uint32_t n = 0; n < shape.num_blocks; ++n) {
    const std::string block = "grouter_structure.model.layers." + std::to_string(n) + ".";
    Matrix q, k, v;
    for (const Row& row : x) {
      const Row in = NaiveRmsNorm(row, values(block + "input_layernorm.weight"));
      q.push_back(Times(matrix(block + "self_attn.q_proj.weight"), in));
      k.push_back(Times(matrix(block + "self_attn.k_proj.weight"), in));
      v.push_back(Times(matrix(block + "self_attn.v_proj.weight"), in));
    }
    const Matrix attended =
        NaiveAttention(q, k, v, shape.num_heads, shape.num_heads, shape.rope_theta, begin, end);
    for (size_t t = 0; t < x.size(); ++t) {
      AddTo(&x[t], Times(matrix(block + "self_attn.o_proj.weight"), attended[t]));
      AddTo(&x[t], NaiveMlp(NaiveRmsNorm(x[t], values(block + "post_attention_layernorm.weight")),
                            matrix(block + "mlp.gate_proj.weight"), matrix(block + "mlp.up_proj.weight"),
                            matrix(block + "mlp.down_proj.weight")));
    }
  }
  Matrix scores;
  for (const Row& row : x) {
    scores.push_back(
        Times(matrix(kScoreWeight), NaiveRmsNorm(row, values("grouter_structure.model.norm.weight"))));
  }
  return scores;
}

RouterSpec SpecOf(Causality causality, bool cross_document) {
  RouterSpec spec = SmallSpec();
  spec.causality = causality;
  spec.cross_document = cross_document;
  return spec;
}

TEST(RouterNetwork, EqualsPlainLoopsInEveryCausalityAndContextRule) {
  for (const RouterSpec& spec :
       {SpecOf(Causality::kCausal, false), SpecOf(Causality::kCausal, true),
        SpecOf(Causality::kDocumentBidirectional, false), SpecOf(Causality::kPackedBidirectional, true)}) {
    const Router router = SmallRouter(spec);
    Random random(3);
    const SampleTokens sample = RandomSample(&random, 25, 50, 7);
    const auto scores = RouterNetwork(router).Scores(sample);
    ASSERT_TRUE(scores.ok()) << scores.status();
    const Matrix wanted = NaiveScores(router, sample);
    for (size_t t = 0; t < 25; ++t) {
      for (size_t e = 0; e < 8; ++e) EXPECT_NEAR((*scores)[t * 8 + e], wanted[t][e], 1e-3);
    }
  }
}

TEST(RouterNetwork, RoutesAreTheGateOfTheScores) {
  Router router = SmallRouter();
  router.tensors[kSelectionBias] = {{8}, {0, 0, 5, 0, 0, 0, 0, 0}};
  const RouterNetwork network(router);
  Random random(4);
  const SampleTokens sample = RandomSample(&random, 20, 50);
  const std::vector<float> scores = *network.Scores(sample);
  const SampleRoutes routes = *network.Route(sample);
  ASSERT_EQ(routes.num_tokens(), 20u);
  std::vector<uint32_t> ids(3);
  std::vector<float> weights(3);
  for (size_t t = 0; t < 20; ++t) {
    const float margin = SelectExperts(absl::MakeConstSpan(scores).subspan(t * 8, 8), router.selection_bias(),
                                       router.spec.gate, absl::MakeSpan(ids), absl::MakeSpan(weights));
    EXPECT_EQ(routes.margins[t], margin);
    EXPECT_TRUE(std::equal(ids.begin(), ids.end(), &routes.ids[t * 3]));
    EXPECT_TRUE(std::equal(weights.begin(), weights.end(), &routes.weights[t * 3]));
  }
}

TEST(RouterNetwork, RoutesAreEqualBitForBitFromAnyThreadBesideAnyOther) {
  const RouterNetwork network(SmallRouter());
  Random random(5);
  std::vector<SampleTokens> samples;
  for (int i = 0; i < 12; ++i) {
    samples.push_back(RandomSample(&random, 1 + static_cast<uint32_t>(random.Below(60)), 50, 9));
  }
  std::vector<SampleRoutes> alone;
  for (const SampleTokens& sample : samples) alone.push_back(*network.Route(sample));
  std::vector<std::vector<SampleRoutes>> together(3);
  std::vector<std::thread> threads;
  for (auto& routes : together) {
    threads.emplace_back([&] {
      for (const SampleTokens& sample : samples) routes.push_back(*network.Route(sample));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& routes : together) {
    for (size_t i = 0; i < samples.size(); ++i) {
      EXPECT_EQ(routes[i].ids, alone[i].ids);
      EXPECT_EQ(routes[i].weights, alone[i].weights);
      EXPECT_EQ(routes[i].margins, alone[i].margins);
    }
  }
}

TEST(RouterNetwork, NamesATokenOutsideTheVocabulary) {
  const RouterNetwork network(SmallRouter());
  SampleTokens sample;
  sample.tokens = {1, 2, 50};
  sample.document_starts = {0};
  const absl::Status status = network.Route(sample).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("token id 50"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("token 2 of"), absl::string_view::npos) << status;
}

TEST(RouterNetwork, ScoresThatAreNotFiniteAreAnErrorNotARoute) {
  Router router = SmallRouter();
  router.tensors[kScoreWeight].values[0] = std::numeric_limits<float>::infinity();
  Random random(1);
  EXPECT_EQ(RouterNetwork(router).Route(RandomSample(&random, 5, 50)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(RouterNetwork, AnEmptySampleHasNoRoutes) {
  EXPECT_EQ(RouterNetwork(SmallRouter()).Route(SampleTokens())->num_tokens(), 0u);
}

TEST(RouterNetwork, WorksWithoutBlocks) {
  RouterSpec spec = SmallSpec();
  spec.shape.num_blocks = 0;
  Random random(1);
  EXPECT_EQ(RouterNetwork(SmallRouter(spec)).Route(RandomSample(&random, 5, 50))->num_tokens(), 5u);
}

}  // namespace
}  // namespace grouter
