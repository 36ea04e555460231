#include "trainer/model/moe_layer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace {

// y = x + sum of weight * expert(norm(x)), by its definition, in double precision.
TEST(MoeLayer, EqualsItsDefinitionWithStoredAndLiveWeights) {
  const ModelConfig config = testing::SmallModelConfig();
  const int width = 16, inner = 12, experts = 5, tokens = 9;
  auto world = std::move(MakeInProcessCollectives(1)[0]);
  ExpertStoreOptions options;
  options.shape = config.expert_shape();
  options.num_layers = 1;
  options.num_slots = experts;
  auto store = ExpertStore::Create(options).value();
  for (uint32_t e = 0; e < experts; ++e) {
    float* weights = store->Acquire({0, e})->weights;
    InitializeExpert(config, 0, e, 1, weights);
    for (uint64_t i = 0; i < options.shape.size(); ++i) weights[i] *= 20;
  }
  Random random(1);
  std::vector<float> x(tokens * width), norm(width), gate(experts * width);
  for (auto* values : {&x, &norm, &gate}) {
    for (float& value : *values) value = static_cast<float>(2 * random.Uniform() - 1);
  }
  std::vector<int32_t> ids;
  for (int t = 0; t < tokens; ++t) {
    ids.push_back(t % experts);
    ids.push_back(t == 4 ? -1 : (t + 2) % experts);
  }
  ids[2 * 7] = ids[2 * 7 + 1] = -1;  // a token without any expert
  const LayerPlacement placement = LayerPlacement::Contiguous(experts, 1);
  MicroBatchRoute route = RouteFromIds(ids, tokens, 2, {2}, placement, *world).value();
  for (bool stored : {true, false}) {
    if (stored) {
      for (int32_t id : ids) route.weights.push_back(id < 0 ? 0.0f : static_cast<float>(random.Uniform()));
    } else {
      route.weights.clear();
    }
    DispatchPipeline pipeline({world.get(), &CpuDevice(), store.get(), nullptr});
    MoeLayer layer(config, CpuDevice(), &pipeline, RoutingMode::kPlan, {});
    MoeLayerActivations keep;
    std::vector<float> y = x;
    EventPlace place;
    place.layer = 0;
    ASSERT_TRUE(
        layer.Forward(place, tokens, &route, {norm.data(), gate.data()}, x.data(), y.data(), true, &keep)
            .ok());
    for (int t = 0; t < tokens; ++t) {
      double squares = 0;
      for (int i = 0; i < width; ++i) squares += double{x[t * width + i]} * x[t * width + i];
      std::vector<double> normed(width), expected(x.begin() + t * width, x.begin() + (t + 1) * width);
      for (int i = 0; i < width; ++i)
        normed[i] = x[t * width + i] / std::sqrt(squares / width + 1e-6) * norm[i];
      double total = 0;
      std::vector<double> weight(2, 0);
      for (int j = 0; j < 2; ++j) {
        if (ids[2 * t + j] < 0) continue;
        double score = 0;
        for (int i = 0; i < width; ++i) score += normed[i] * gate[ids[2 * t + j] * width + i];
        weight[j] = stored ? route.weights[2 * t + j] : std::exp(score);
        total += weight[j];
      }
      for (int j = 0; j < 2; ++j) {
        if (ids[2 * t + j] < 0) continue;
        const float* w = store->Acquire({0, static_cast<uint32_t>(ids[2 * t + j])})->weights;
        for (int f = 0; f < inner; ++f) {
          double g = 0, u = 0;
          for (int i = 0; i < width; ++i) {
            g += normed[i] * w[f * width + i];
            u += normed[i] * w[(inner + f) * width + i];
          }
          const double a = g / (1 + std::exp(-g)) * u * (stored ? weight[j] : weight[j] / total);
          for (int i = 0; i < width; ++i) expected[i] += a * w[2 * inner * width + i * inner + f];
        }
      }
      for (int i = 0; i < width; ++i) EXPECT_NEAR(y[t * width + i], expected[i], 1e-4) << "token " << t;
    }
  }
}

}  // namespace
}  // namespace grouter
