#include "trainer/dispatch/dispatch_pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "io/random.h"
#include "tests/testing/training/ranks.h"

namespace grouter {
namespace {

constexpr uint32_t kWidth = 6, kInner = 5, kExperts = 7, kChoices = 3;

// One rank's share of a world's tokens, and what came out.
struct Outcome {
  std::vector<float> y, dx, dweights;
  std::vector<std::vector<float>> gradients;  // [expert], of the experts here
};

float Value(uint64_t seed, uint64_t i) {
  Random random(seed, i);
  return static_cast<float>(2 * random.Uniform() - 1);
}

// Tokens [first, end) of the world's on this rank.
Outcome RunTokens(Collectives& world, const LiveDispatch& dispatch, uint32_t first, uint32_t end,
                  StepEventLog* log = nullptr) {
  const LayerPlacement placement = LayerPlacement::Contiguous(kExperts, world.size());
  ExpertStoreOptions options;
  options.shape = {kWidth, kInner};
  options.num_layers = 1;
  options.num_slots = placement.num_slots(world.rank());
  auto store = ExpertStore::Create(options).value();
  for (uint32_t slot = 0; slot < options.num_slots; ++slot) {
    const ExpertPage page = *store->Acquire({0, slot});
    const uint32_t expert = placement.ExpertAt({world.rank(), slot});
    for (uint64_t i = 0; i < options.shape.size(); ++i) page.weights[i] = Value(100 + expert, i);
  }
  std::vector<int32_t> ids;
  std::vector<float> x, dy, weights;
  for (uint32_t t = first; t < end; ++t) {
    for (uint32_t j = 0; j < kChoices; ++j) {
      ids.push_back(t % 4 == 3 && j == 2 ? -1 : static_cast<int32_t>((t * t + 2 * j) % kExperts));
      weights.push_back(Value(1, t * kChoices + j));
    }
    for (uint32_t i = 0; i < kWidth; ++i) {
      x.push_back(Value(2, t * kWidth + i));
      dy.push_back(Value(3, t * kWidth + i));
    }
  }
  const MicroBatchRoute route = RouteFromIds(ids, end - first, kChoices, dispatch, placement, world).value();
  DispatchPipeline pipeline({&world, &CpuDevice(), store.get(), log});
  EventPlace place;
  place.layer = 0;
  Outcome outcome;
  outcome.y.assign(x.size(), 0);
  outcome.dx.assign(x.size(), 0);
  outcome.dweights.assign(ids.size(), -1);
  MoeActivations kept;
  EXPECT_TRUE(pipeline.Forward(place, route, x.data(), weights.data(), outcome.y.data(), &kept).ok());
  EXPECT_TRUE(
      pipeline.Backward(place, route, kept, dy.data(), outcome.dx.data(), outcome.dweights.data()).ok());
  for (uint32_t slot = 0; slot < options.num_slots; ++slot) {
    const ExpertPage page = *store->Acquire({0, slot});
    outcome.gradients.emplace_back(page.gradients, page.gradients + options.shape.size());
  }
  return outcome;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5f);
}

TEST(DispatchPipeline, AnyWorldProtocolAndChunkingComputesWhatOneRankDoes) {
  const uint32_t num_tokens = 13;
  Outcome alone;
  testing::SpawnRanks(1, [&](Collectives& world) { alone = RunTokens(world, {}, 0, num_tokens); });
  // Ranks of each node; with more than one node a row's two hops differ.
  const std::vector<std::vector<uint32_t>> worlds = {{1}, {2}, {1, 1}, {2, 1}, {1, 2}, {4}, {2, 2}, {1, 3}};
  for (const std::vector<uint32_t>& nodes : worlds) {
    const uint32_t size = std::accumulate(nodes.begin(), nodes.end(), uint32_t{0});
    for (DispatchProtocol protocol :
         {DispatchProtocol::kOncePerRank, DispatchProtocol::kCopyPerExpert, DispatchProtocol::kOncePerNode}) {
      for (uint32_t num_chunks : {1u, 2u, 5u}) {
        std::vector<Outcome> outcomes(size);
        LiveDispatch dispatch;
        dispatch.num_chunks = num_chunks;
        dispatch.protocol = protocol;
        Topology topology;
        for (uint32_t ranks : nodes) topology.nodes.push_back(Topology::Uniform(1, ranks).nodes[0]);
        dispatch.blocks = EpGroupsOf(topology, size)[0];
        testing::SpawnRanks(size, [&](Collectives& world) {
          // The last rank has no token of its own when there are several.
          const uint32_t sharers = size == 1 ? 1 : size - 1;
          const uint32_t me = std::min(world.rank(), sharers);
          const uint32_t first = num_tokens * me / sharers;
          const uint32_t end = me == sharers ? first : num_tokens * (me + 1) / sharers;
          outcomes[world.rank()] = RunTokens(world, dispatch, first, end);
        });
        Outcome together;
        for (const Outcome& outcome : outcomes) {
          together.y.insert(together.y.end(), outcome.y.begin(), outcome.y.end());
          together.dx.insert(together.dx.end(), outcome.dx.begin(), outcome.dx.end());
          together.dweights.insert(together.dweights.end(), outcome.dweights.begin(), outcome.dweights.end());
          together.gradients.insert(together.gradients.end(), outcome.gradients.begin(),
                                    outcome.gradients.end());
        }
        ExpectNear(together.y, alone.y);
        ExpectNear(together.dx, alone.dx);
        ExpectNear(together.dweights, alone.dweights);
        ASSERT_EQ(together.gradients.size(), alone.gradients.size());
        for (size_t e = 0; e < alone.gradients.size(); ++e)
          ExpectNear(together.gradients[e], alone.gradients[e]);
      }
    }
  }
}

std::vector<StepEvent> Of(const std::vector<StepEvent>& events, EventKind kind, int32_t chunk) {
  std::vector<StepEvent> found;
  std::copy_if(events.begin(), events.end(), std::back_inserter(found),
               [&](const StepEvent& event) { return event.kind == kind && event.chunk == chunk; });
  return found;
}

// Experts compute a chunk while the rows of the next ones travel; the second hop is no exception.
TEST(DispatchPipeline, BothHopsOfTheNextChunksAreUnderWayWhileExpertsCompute) {
  constexpr uint32_t kRanks = 4, kChunks = 5;
  const Topology topology = Topology::Uniform(2, 2);
  std::vector<std::vector<StepEvent>> events(kRanks);
  testing::SpawnRanks(kRanks, [&](Collectives& world) {
    StepEventLog log;
    RunTokens(world, {kChunks, DispatchProtocol::kOncePerNode, EpGroupsOf(topology, kRanks)[0]}, 0, 13, &log);
    events[world.rank()] = log.events();
  });
  for (const std::vector<StepEvent>& rank : events) {
    for (int32_t c = 0; c + 2 < static_cast<int32_t>(kChunks); ++c) {
      const StepEvent compute = Of(rank, EventKind::kCompute, c)[0];
      for (int32_t next : {c + 1, c + 2}) {
        const std::vector<StepEvent> hops = Of(rank, EventKind::kDispatch, next);
        // Forward's two hops, then backward's.
        ASSERT_EQ(hops.size(), 4u);
        const StepEvent& under_way = hops[next == c + 1 ? 1 : 0];
        EXPECT_LT(under_way.begin_order, compute.begin_order);
        EXPECT_GT(under_way.end_order, compute.end_order);
      }
    }
  }
}

}  // namespace
}  // namespace grouter
