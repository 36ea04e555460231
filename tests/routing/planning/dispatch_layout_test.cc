#include "routing/planning/dispatch_layout.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/ep_group.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

struct Laid {
  const MicroBatchPlan* plan;
  const LayerGroupPlan* group;
  const ChunkPlan* chunk;
  DispatchLayout layout;
};

// Lays out every chunk of every rank of some random jobs.
template <typename Visit>
void ForEachLayout(DispatchProtocol protocol, Visit visit) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    if (job.spec.draft.protocol != protocol) continue;
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
    const auto plans = planner->PlanMicroBatchForAll(0, 0).value();
    for (const MicroBatchPlan& plan : plans) {
      for (const LayerGroupPlan& group : plan.layer_groups) {
        for (const ChunkPlan& chunk : group.chunks) {
          auto layout =
              LayOutDispatch(plan, group, chunk, job.schedule->epochs[0].placement[group.layer_group],
                             protocol, job.spec.draft.topology, plan.rank);
          ASSERT_TRUE(layout.ok()) << layout.status();
          visit(job, Laid{&plan, &group, &chunk, std::move(layout).value()});
        }
      }
    }
  }
}

// Every pair of the chunk's routes once, in a slot that holds its expert.
void ExpectAllPairs(const testing::SmallJob& job, const Laid& laid) {
  const LayerPlacement& placement = job.schedule->epochs[0].placement[laid.group->layer_group];
  std::set<std::pair<uint32_t, uint32_t>> seen;
  uint64_t expected = 0;
  for (size_t s = 0; s < laid.plan->samples.size(); ++s) {
    for (uint32_t t = 0; t < laid.plan->samples[s].length; ++t) {
      const uint32_t token = laid.plan->samples[s].first_token + t;
      if (token < laid.chunk->first_token || token >= laid.chunk->first_token + laid.chunk->num_tokens)
        continue;
      expected += laid.group->routes[s].NumTopk(t);
    }
  }
  for (const DispatchPair& pair : laid.layout.pairs) {
    EXPECT_TRUE(seen.emplace(pair.token, pair.topk_rank).second);
    size_t s = 0;
    while (laid.plan->samples[s].first_token + laid.plan->samples[s].length <= pair.token) ++s;
    EXPECT_EQ(placement.ExpertAt(SlotRef{pair.rank, pair.slot}),
              laid.group->routes[s].Id(pair.token - laid.plan->samples[s].first_token, pair.topk_rank));
    ASSERT_LT(pair.row, laid.layout.row_token.size());
    EXPECT_EQ(laid.layout.row_token[pair.row], pair.token);
  }
  EXPECT_EQ(seen.size(), expected);
  uint64_t rows = 0;
  for (uint32_t split : laid.layout.send_splits) rows += split;
  EXPECT_EQ(rows, laid.layout.row_token.size());
}

TEST(DispatchLayoutTest, CopyPerExpertSendsARowPerPairOrderedBySlotAndToken) {
  ForEachLayout(DispatchProtocol::kCopyPerExpert, [](const testing::SmallJob& job, const Laid& laid) {
    ExpectAllPairs(job, laid);
    const auto& pairs = laid.layout.pairs;
    for (size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(pairs[i].row, i);
      if (i == 0) continue;
      EXPECT_LT(std::make_tuple(pairs[i - 1].rank, pairs[i - 1].slot, pairs[i - 1].token),
                std::make_tuple(pairs[i].rank, pairs[i].slot, pairs[i].token));
    }
  });
}

TEST(DispatchLayoutTest, OncePerRankSendsATokenOnceToEachRankOrderedByRankAndToken) {
  ForEachLayout(DispatchProtocol::kOncePerRank, [](const testing::SmallJob& job, const Laid& laid) {
    ExpectAllPairs(job, laid);
    const auto& pairs = laid.layout.pairs;
    for (size_t i = 1; i < pairs.size(); ++i) {
      EXPECT_LT(std::make_tuple(pairs[i - 1].rank, pairs[i - 1].token, pairs[i - 1].slot),
                std::make_tuple(pairs[i].rank, pairs[i].token, pairs[i].slot));
      const bool same = pairs[i - 1].rank == pairs[i].rank && pairs[i - 1].token == pairs[i].token;
      EXPECT_EQ(pairs[i].row, pairs[i - 1].row + (same ? 0 : 1));
    }
  });
}

TEST(DispatchLayoutTest, OncePerNodeSendsATokenOnceToEachNode) {
  ForEachLayout(DispatchProtocol::kOncePerNode, [](const testing::SmallJob& job, const Laid& laid) {
    ExpectAllPairs(job, laid);
    const uint32_t ep_size = job.spec.draft.ep_size;
    const EpGroup group = EpGroupsOf(job.spec.draft.topology, ep_size)[laid.plan->rank / ep_size];
    const auto& pairs = laid.layout.pairs;
    const auto key = [&](const DispatchPair& p) {
      return std::make_tuple(group.block_of_rank[p.rank], p.token, p.rank, p.slot);
    };
    for (size_t i = 1; i < pairs.size(); ++i) {
      EXPECT_LT(key(pairs[i - 1]), key(pairs[i]));
      const bool same = std::get<0>(key(pairs[i - 1])) == std::get<0>(key(pairs[i])) &&
                        pairs[i - 1].token == pairs[i].token;
      EXPECT_EQ(pairs[i].row, pairs[i - 1].row + (same ? 0 : 1));
    }
  });
}

TEST(DispatchLayoutTest, RefusesQuotasThatDoNotCoverTheTokens) {
  int tried = 0;
  for (uint64_t seed = 0; seed < 60 && tried < 3; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
    MicroBatchPlan plan = planner->PlanMicroBatch(0, 0, 0).value();
    ChunkPlan chunk = plan.layer_groups[0].chunks[0];
    if (chunk.quotas.empty()) continue;
    ++tried;
    const auto status = [&] {
      return LayOutDispatch(plan, plan.layer_groups[0], chunk, job.schedule->epochs[0].placement[0],
                            job.spec.draft.protocol, job.spec.draft.topology, 0)
          .status();
    };
    chunk.quotas[0].num_tokens -= 1;
    EXPECT_EQ(status().code(), absl::StatusCode::kInvalidArgument);
    chunk.quotas[0].num_tokens += 2;
    EXPECT_EQ(status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(tried, 3);
}

}  // namespace
}  // namespace grouter
