#include "trainer/dispatch/chunk_route.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "client/local_plan_source.h"
#include "io/random.h"
#include "tests/testing/small_job.h"
#include "tests/testing/training/ranks.h"
#include "trainer/collectives/in_process.h"

namespace grouter {
namespace {

// EP group `group` of nodes with `nodes` ranks.
EpGroup Blocks(const std::vector<uint32_t>& nodes, uint32_t ep_size, uint32_t group = 0) {
  Topology topology;
  for (uint32_t ranks : nodes) {
    topology.nodes.push_back(Topology::Uniform(1, ranks).nodes[0]);
  }
  return EpGroupsOf(topology, ep_size)[group];
}

// The slots that a row to `rank` may name: its own, or with relays those of its block.
std::vector<SlotRef> SlotsBehind(uint32_t rank, bool relays, const EpGroup& blocks,
                                 const LayerPlacement& placement) {
  std::vector<SlotRef> slots;
  const uint32_t block = relays ? blocks.block_of_rank[rank] : 0;
  const uint32_t first = relays ? blocks.first_of_block[block] : rank;
  const uint32_t end = relays ? blocks.first_of_block[block + 1] : rank + 1;
  for (uint32_t r = first; r < end; ++r) {
    for (uint32_t s = 0; s < placement.num_slots(r); ++s) slots.push_back({r, s});
  }
  return slots;
}

// Every (token, expert) pair of `route` leaves exactly once, to a slot that holds the expert.
void ExpectSendsEveryPairOnce(const MicroBatchRoute& route, const EpGroup& blocks,
                              const LayerPlacement& placement) {
  std::vector<int> sent(route.ids.size(), 0);
  for (const ChunkRoute& chunk : route.chunks) {
    uint32_t row = 0;
    for (uint32_t rank = 0; rank < placement.ep_size(); ++rank) {
      const std::vector<SlotRef> slots = SlotsBehind(rank, route.has_relays(), blocks, placement);
      for (uint32_t i = 0; i < chunk.send_splits[rank]; ++i, ++row) {
        const uint32_t first = chunk.row_first_pair[row], end = chunk.row_first_pair[row + 1];
        ASSERT_LT(first, end);
        ASSERT_LE(end - first, route.sent_pairs);
        for (uint32_t p = first; p < end; ++p) {
          if (p > first) {
            EXPECT_LT(chunk.pair_slot[p - 1], chunk.pair_slot[p]);
          }
          EXPECT_EQ(chunk.pair_choice[p] / static_cast<int32_t>(route.k), chunk.row_token[row]);
          ASSERT_LT(static_cast<size_t>(chunk.pair_slot[p]), slots.size());
          EXPECT_EQ(placement.ExpertAt(slots[chunk.pair_slot[p]]),
                    static_cast<uint32_t>(route.ids[chunk.pair_choice[p]]));
          ++sent[chunk.pair_choice[p]];
        }
      }
    }
    EXPECT_EQ(row, chunk.num_sent());
  }
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(sent[i], route.ids[i] < 0 ? 0 : 1);
}

// What the ranks of one EP group say of a chunk fits together: rows sent are rows received, rows a relay
// forwards are those that its rows' pairs name, and pairs arrive where they were sent.
void ExpectRanksAgree(const std::vector<MicroBatchRoute>& routes, size_t c, const EpGroup& blocks,
                      const LayerPlacement& placement) {
  const uint32_t ep_size = placement.ep_size();
  const bool relays = routes[0].has_relays();
  std::vector<std::vector<uint32_t>> pairs(ep_size), forwarded(ep_size, std::vector<uint32_t>(ep_size, 0));
  for (uint32_t r = 0; r < ep_size; ++r) pairs[r].assign(placement.num_slots(r), 0);
  for (uint32_t from = 0; from < ep_size; ++from) {
    const ChunkRoute& chunk = routes[from].chunks[c];
    uint32_t row = 0;
    for (uint32_t to = 0; to < ep_size; ++to) {
      EXPECT_EQ(chunk.send_splits[to], routes[to].chunks[c].recv_splits[from]);
      const std::vector<SlotRef> slots = SlotsBehind(to, relays, blocks, placement);
      for (uint32_t i = 0; i < chunk.send_splits[to]; ++i, ++row) {
        std::set<uint32_t> ranks;
        for (uint32_t p = chunk.row_first_pair[row]; p < chunk.row_first_pair[row + 1]; ++p) {
          const SlotRef slot = slots[chunk.pair_slot[p]];
          ++pairs[slot.rank][slot.slot];
          ranks.insert(slot.rank);
        }
        for (uint32_t rank : ranks) ++forwarded[to][rank];
      }
    }
  }
  for (uint32_t r = 0; r < ep_size; ++r) {
    const ChunkRoute& chunk = routes[r].chunks[c];
    EXPECT_EQ(pairs[r], chunk.recv_pairs);
    if (!relays) continue;
    EXPECT_EQ(forwarded[r], chunk.relay.send_splits);
    EXPECT_EQ(chunk.relay.first_row.size(), routes[r].relay_first_slot.size());
    EXPECT_EQ(chunk.relay.first_row.back(),
              std::accumulate(forwarded[r].begin(), forwarded[r].end(), uint32_t{0}));
    for (uint32_t relay = 0; relay < ep_size; ++relay) {
      EXPECT_EQ(forwarded[relay][r], chunk.relay.recv_splits[relay]);
    }
  }
}

TEST(RouteFromPlan, SendsEveryPairOnceAndAgreesWithWhatOthersReceive) {
  int routed = 0, relayed = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
    if (!planner.ok()) continue;
    uint32_t k = 1;
    for (const auto& table : job.tables) k = std::max(k, table->header().k);
    const JobDraft& draft = job.spec.draft;
    const auto plans = (*planner)->PlanMicroBatchForAll(0, 0);
    ASSERT_TRUE(plans.ok()) << plans.status();
    const Placement& placement = job.schedule->epochs[0].placement;
    const std::vector<EpGroup> groups = EpGroupsOf(draft.topology, draft.ep_size);
    for (size_t g = 0; g < (*plans)[0].layer_groups.size(); ++g) {
      for (uint32_t group = 0; group < groups.size(); ++group) {
        std::vector<MicroBatchRoute> routes;
        for (uint32_t r = 0; r < draft.ep_size; ++r) {
          const MicroBatchPlan& plan = (*plans)[group * draft.ep_size + r];
          auto route = RouteFromPlan(plan, plan.layer_groups[g], placement[g], draft, r, k);
          ASSERT_TRUE(route.ok()) << route.status();
          ExpectSendsEveryPairOnce(*route, groups[group], placement[g]);
          EXPECT_EQ(route->has_relays(), draft.protocol == DispatchProtocol::kOncePerNode);
          routed += 1;
          relayed += route->has_relays() && groups[group].num_blocks() > 1;
          routes.push_back(*std::move(route));
        }
        for (size_t c = 0; c < routes[0].chunks.size(); ++c) {
          ExpectRanksAgree(routes, c, groups[group], placement[g]);
        }
      }
    }
  }
  EXPECT_GT(routed, 50);
  EXPECT_GT(relayed, 20);
}

TEST(RouteFromIds, AgreesWithWhatOthersReceive) {
  for (DispatchProtocol protocol :
       {DispatchProtocol::kOncePerRank, DispatchProtocol::kCopyPerExpert, DispatchProtocol::kOncePerNode}) {
    const uint32_t num_experts = 7, k = 3, num_chunks = 2, size = 5;
    std::vector<MicroBatchRoute> routes(size);
    const LayerPlacement placement = LayerPlacement::Contiguous(num_experts, size);
    const EpGroup blocks = Blocks({2, 3}, size);
    testing::SpawnRanks(size, [&](Collectives& world) {
      Random random(world.rank());
      const uint32_t num_tokens = world.rank() == 1 ? 0 : 11;
      std::vector<int32_t> ids;
      for (uint32_t t = 0; t < num_tokens; ++t) {
        const auto first = static_cast<int32_t>(random.Below(num_experts));
        for (int32_t j = 0; j < 3; ++j) ids.push_back((first + j * (1 + static_cast<int32_t>(t % 3))) % 7);
      }
      auto route = RouteFromIds(ids, num_tokens, k, {num_chunks, protocol, blocks}, placement, world);
      ASSERT_TRUE(route.ok()) << route.status();
      routes[world.rank()] = *std::move(route);
    });
    for (uint32_t rank = 0; rank < size; ++rank) {
      ExpectSendsEveryPairOnce(routes[rank], blocks, placement);
      EXPECT_GT(routes[rank].chunks[0].num_pairs_received(), 0u);
    }
    for (uint32_t c = 0; c < num_chunks; ++c) ExpectRanksAgree(routes, c, blocks, placement);
  }
}

TEST(RowPairs, FollowFromPlacementAndProtocolAlone) {
  const LayerPlacement placement = LayerPlacement::Make(5, {{0, 1, 2}, {3, 4}}).value();
  EXPECT_EQ(RowPairs(placement, 2, DispatchProtocol::kOncePerRank), 2u);
  EXPECT_EQ(RowPairs(placement, 8, DispatchProtocol::kOncePerRank), 3u);
  EXPECT_EQ(RowPairs(placement, 8, DispatchProtocol::kOncePerNode), 3u);
  EXPECT_EQ(RowPairs(placement, 8, DispatchProtocol::kCopyPerExpert), 1u);
}

TEST(SentPairs, AreThoseOfABlockWhereRowsGoOncePerNode) {
  const LayerPlacement placement = LayerPlacement::Make(5, {{0, 1, 2}, {3}, {4}}).value();
  EXPECT_EQ(SentPairs(placement, 8, DispatchProtocol::kOncePerNode, Blocks({2, 1}, 3)), 4u);
  EXPECT_EQ(SentPairs(placement, 2, DispatchProtocol::kOncePerNode, Blocks({2, 1}, 3)), 2u);
  EXPECT_EQ(SentPairs(placement, 8, DispatchProtocol::kOncePerRank, Blocks({2, 1}, 3)), 3u);
  EXPECT_EQ(SentPairs(placement, 8, DispatchProtocol::kCopyPerExpert, Blocks({2, 1}, 3)), 1u);
}

}  // namespace
}  // namespace grouter
