#include "routing/planning/batch/replica_quotas.h"

#include <map>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

EpGroup OneNode(uint32_t ranks) { return EpGroupsOf(Topology::Uniform(1, ranks), ranks)[0]; }

TEST(ReplicaQuotasTest, CoverEverySourcesTokensInOrder) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    const uint32_t ranks = 2 + random.Below(5), experts = 3 + random.Below(10);
    std::vector<std::vector<uint32_t>> slots(ranks);
    for (uint32_t e = 0; e < experts; ++e) {
      for (uint32_t r = 0; r < ranks; ++r) {
        if (r == e % ranks || random.Below(3) == 0) slots[r].push_back(e);
      }
    }
    const LayerPlacement layer = LayerPlacement::Make(experts, slots).value();
    std::vector<uint32_t> pairs(ranks * experts);
    for (uint32_t& count : pairs) count = random.Below(40);
    const auto quotas = DivideOverReplicas(layer, OneNode(ranks), pairs);
    for (uint32_t s = 0; s < ranks; ++s) {
      std::map<uint32_t, uint32_t> sum;
      for (size_t i = 0; i < quotas[s].size(); ++i) {
        const ReplicaQuota& quota = quotas[s][i];
        EXPECT_GT(quota.num_tokens, 0u);
        EXPECT_EQ(layer.ExpertAt(layer.FromGlobalSlot(quota.global_slot)), quota.expert);
        sum[quota.expert] += quota.num_tokens;
        if (i > 0) {
          EXPECT_LT(std::make_pair(quotas[s][i - 1].expert, quotas[s][i - 1].global_slot),
                    std::make_pair(quota.expert, quota.global_slot));
        }
      }
      for (uint32_t e = 0; e < experts; ++e) {
        EXPECT_EQ(sum[e], layer.SlotsOf(e).size() > 1 ? pairs[s * experts + e] : 0);
      }
    }
  }
}

TEST(ReplicaQuotasTest, LevelTheRanksAndKeepTokensNear) {
  // Expert 0 is on both ranks; expert 1 keeps rank 1 busy with 60 tokens.
  const LayerPlacement layer = LayerPlacement::Make(2, {{0}, {0, 1}}).value();
  const std::vector<uint32_t> pairs = {50, 30, 50, 30};
  const auto quotas = DivideOverReplicas(layer, OneNode(2), pairs);
  // 80 tokens a rank: 80 of expert 0 on rank 0, 20 on rank 1, which are rank 1's own.
  ASSERT_EQ(quotas[0].size(), 1u);
  EXPECT_EQ(quotas[0][0].num_tokens, 50u);
  EXPECT_EQ(quotas[0][0].global_slot, 0u);
  ASSERT_EQ(quotas[1].size(), 2u);
  EXPECT_EQ(quotas[1][0].num_tokens, 30u);
  EXPECT_EQ(quotas[1][1].num_tokens, 20u);
}

TEST(ReplicaQuotasTest, ExpertsWithOneSlotHaveNone) {
  const LayerPlacement layer = LayerPlacement::Contiguous(6, 2);
  EXPECT_FALSE(HasReplicas(layer));
  for (const auto& list : DivideOverReplicas(layer, OneNode(2), std::vector<uint32_t>(12, 5))) {
    EXPECT_TRUE(list.empty());
  }
}

}  // namespace
}  // namespace grouter
