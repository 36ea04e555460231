#include "trainer/dispatch/chunk_route.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "client/local_plan_source.h"
#include "io/random.h"
#include "tests/testing/small_job.h"
#include "tests/testing/training/ranks.h"
#include "trainer/collectives/in_process.h"

namespace grouter {
namespace {

// Every (token, expert) pair of `route` leaves exactly once, to a slot that holds the expert.
void ExpectSendsEveryPairOnce(const MicroBatchRoute& route, const LayerPlacement& placement) {
  std::vector<int> sent(route.ids.size(), 0);
  for (const ChunkRoute& chunk : route.chunks) {
    uint32_t row = 0;
    for (uint32_t rank = 0; rank < placement.ep_size(); ++rank) {
      for (uint32_t i = 0; i < chunk.send_splits[rank]; ++i, ++row) {
        const uint32_t first = chunk.row_first_pair[row], end = chunk.row_first_pair[row + 1];
        ASSERT_LT(first, end);
        ASSERT_LE(end - first, route.row_pairs);
        for (uint32_t p = first; p < end; ++p) {
          if (p > first) {
            EXPECT_LT(chunk.pair_slot[p - 1], chunk.pair_slot[p]);
          }
          EXPECT_EQ(chunk.pair_choice[p] / static_cast<int32_t>(route.k), chunk.row_token[row]);
          EXPECT_EQ(placement.ExpertAt({rank, static_cast<uint32_t>(chunk.pair_slot[p])}),
                    static_cast<uint32_t>(route.ids[chunk.pair_choice[p]]));
          ++sent[chunk.pair_choice[p]];
        }
      }
    }
    EXPECT_EQ(row, chunk.num_sent());
  }
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(sent[i], route.ids[i] < 0 ? 0 : 1);
}

TEST(RouteFromPlan, SendsEveryPairOnceAndAgreesWithWhatOthersReceive) {
  int routed = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    if (!CheckProtocol(job.spec.draft.protocol).ok()) continue;
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
    if (!planner.ok()) continue;
    uint32_t k = 1;
    for (const auto& table : job.tables) k = std::max(k, table->header().k);
    const JobDraft& draft = job.spec.draft;
    const auto plans = (*planner)->PlanMicroBatchForAll(0, 0);
    ASSERT_TRUE(plans.ok()) << plans.status();
    const Placement& placement = job.schedule->epochs[0].placement;
    for (size_t g = 0; g < (*plans)[0].layer_groups.size(); ++g) {
      std::vector<MicroBatchRoute> routes;
      for (uint32_t rank = 0; rank < plans->size(); ++rank) {
        auto route = RouteFromPlan((*plans)[rank], (*plans)[rank].layer_groups[g], placement[g], draft,
                                   rank % draft.ep_size, k);
        ASSERT_TRUE(route.ok()) << route.status();
        ExpectSendsEveryPairOnce(*route, placement[g]);
        routes.push_back(*std::move(route));
        ++routed;
      }
      for (uint32_t rank = 0; rank < plans->size(); ++rank) {
        const uint32_t group = rank / draft.ep_size * draft.ep_size;
        for (size_t c = 0; c < routes[rank].chunks.size(); ++c) {
          std::vector<uint32_t> pairs(placement[g].num_slots(rank % draft.ep_size), 0);
          for (uint32_t r = 0; r < draft.ep_size; ++r) {
            const ChunkRoute& from = routes[group + r].chunks[c];
            EXPECT_EQ(from.send_splits[rank % draft.ep_size], routes[rank].chunks[c].recv_splits[r]);
            uint32_t row = 0;
            for (uint32_t q = 0; q < rank % draft.ep_size; ++q) row += from.send_splits[q];
            for (uint32_t i = 0; i < from.send_splits[rank % draft.ep_size]; ++i, ++row) {
              for (uint32_t p = from.row_first_pair[row]; p < from.row_first_pair[row + 1]; ++p) {
                ++pairs[from.pair_slot[p]];
              }
            }
          }
          EXPECT_EQ(pairs, routes[rank].chunks[c].recv_pairs);
        }
      }
    }
  }
  EXPECT_GT(routed, 50);
}

TEST(RouteFromIds, AgreesWithWhatOthersReceive) {
  for (DispatchProtocol protocol : {DispatchProtocol::kOncePerRank, DispatchProtocol::kCopyPerExpert}) {
    const uint32_t num_experts = 7, k = 3, num_chunks = 2;
    std::vector<MicroBatchRoute> routes(3);
    const LayerPlacement placement = LayerPlacement::Contiguous(num_experts, 3);
    testing::SpawnRanks(3, [&](Collectives& world) {
      Random random(world.rank());
      const uint32_t num_tokens = world.rank() == 1 ? 0 : 11;
      std::vector<int32_t> ids;
      for (uint32_t t = 0; t < num_tokens; ++t) {
        const auto first = static_cast<int32_t>(random.Below(num_experts));
        for (int32_t j = 0; j < 3; ++j) ids.push_back((first + j * (1 + static_cast<int32_t>(t % 3))) % 7);
      }
      auto route = RouteFromIds(ids, num_tokens, k, num_chunks, placement, protocol, world);
      ASSERT_TRUE(route.ok()) << route.status();
      routes[world.rank()] = *std::move(route);
    });
    for (uint32_t rank = 0; rank < 3; ++rank) {
      ExpectSendsEveryPairOnce(routes[rank], placement);
      for (uint32_t c = 0; c < num_chunks; ++c) {
        for (uint32_t r = 0; r < 3; ++r) {
          EXPECT_EQ(routes[r].chunks[c].send_splits[rank], routes[rank].chunks[c].recv_splits[r]);
        }
      }
      EXPECT_EQ(routes[rank].chunks[0].num_pairs_received() == 0, false);
    }
  }
}

TEST(RowPairs, FollowFromPlacementAndProtocolAlone) {
  const LayerPlacement placement = LayerPlacement::Make(5, {{0, 1, 2}, {3, 4}}).value();
  EXPECT_EQ(RowPairs(placement, 2, DispatchProtocol::kOncePerRank), 2u);
  EXPECT_EQ(RowPairs(placement, 8, DispatchProtocol::kOncePerRank), 3u);
  EXPECT_EQ(RowPairs(placement, 8, DispatchProtocol::kCopyPerExpert), 1u);
}

}  // namespace
}  // namespace grouter
