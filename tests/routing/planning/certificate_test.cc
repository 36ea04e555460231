#include "routing/planning/certificate.h"

#include <functional>

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob JobWith(DispatchProtocol protocol, uint32_t resident) {
  testing::FakeTableOptions table;
  table.num_layer_groups = 2;
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  draft.ep_size = 4;
  draft.batch.samples_per_step = 8;
  draft.batch.num_chunks = 2;
  draft.protocol = protocol;
  draft.model.row_alignment = 4;
  draft.model.num_resident_experts = resident;
  return testing::MakeJob({table}, draft, /*replicas=*/2);
}

TEST(CertificateTest, FindsEveryKindOfDamageToAMicroBatchPlan) {
  const std::vector<std::pair<const char*, std::function<void(MicroBatchPlan*)>>> damages = {
      {"rank", [](MicroBatchPlan* p) { p->rank = 99; }},
      {"micro-batch", [](MicroBatchPlan* p) { p->micro_batch = 7; }},
      {"tokens", [](MicroBatchPlan* p) { p->num_tokens += 1; }},
      {"sample order", [](MicroBatchPlan* p) { p->samples[1].first_token += 1; }},
      {"sample table", [](MicroBatchPlan* p) { p->samples[0].table = 3; }},
      {"loss tokens", [](MicroBatchPlan* p) { p->samples[0].num_loss_tokens = 1000; }},
      {"send split", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[1].send_splits[1] += 1; }},
      {"send splits swapped",
       [](MicroBatchPlan* p) {
         auto& splits = p->layer_groups[1].chunks[0].send_splits;
         splits[0] += 1;
         splits[3] -= 1;
       }},
      {"own counts", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].recv_counts[0] += 1; }},
      {"length of counts", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].recv_counts.push_back(0); }},
      {"chunk", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].num_tokens -= 1; }},
      {"chunks", [](MicroBatchPlan* p) { p->layer_groups[0].chunks.pop_back(); }},
      {"aligned rows", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].aligned_rows += 4; }},
      {"peak bytes", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].peak_bytes -= 1; }},
      {"quota", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].quotas[0].num_tokens += 1; }},
      {"quota slot", [](MicroBatchPlan* p) { p->layer_groups[0].chunks[0].quotas[0].global_slot = 999; }},
      {"routes", [](MicroBatchPlan* p) { p->layer_groups[0].routes.pop_back(); }},
      {"route plane", [](MicroBatchPlan* p) { p->layer_groups[0].routes[0].ids.remove_suffix(1); }},
      {"weights", [](MicroBatchPlan* p) { p->layer_groups[0].routes[0].weights = ""; }},
      {"crc", [](MicroBatchPlan* p) { p->certificate.crc32c ^= 1; }},
      {"pairs sent", [](MicroBatchPlan* p) { p->certificate.num_pairs_sent += 1; }},
      {"pairs received", [](MicroBatchPlan* p) { p->certificate.num_pairs_received += 1; }},
      {"busiest", [](MicroBatchPlan* p) { p->certificate.max_rank_pairs = 0; }},
      {"layer group", [](MicroBatchPlan* p) { p->layer_groups[1].layer_group = 0; }},
  };
  for (DispatchProtocol protocol :
       {DispatchProtocol::kOncePerRank, DispatchProtocol::kCopyPerExpert, DispatchProtocol::kOncePerNode}) {
    const testing::SmallJob job = JobWith(protocol, 0);
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
    const Placement& placement = job.schedule->epochs[0].placement;
    const MicroBatchPlan plan = planner->PlanMicroBatch(0, 0, 0).value();
    ASSERT_TRUE(CheckMicroBatchPlan(job.spec, placement, plan).ok());
    ASSERT_FALSE(plan.layer_groups[0].chunks[0].quotas.empty());
    for (const auto& damage : damages) {
      MicroBatchPlan damaged = plan;
      damage.second(&damaged);
      EXPECT_EQ(CheckMicroBatchPlan(job.spec, placement, damaged).code(), absl::StatusCode::kDataLoss)
          << damage.first << ", protocol " << static_cast<int>(protocol);
    }
  }
}

TEST(CertificateTest, APartOfTheLayerGroupsIsCheckedAsSuch) {
  const testing::SmallJob job = JobWith(DispatchProtocol::kOncePerRank, 0);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  const MicroBatchPlan part = SelectLayerGroups(planner->PlanMicroBatch(0, 2, 0).value(), 1, 1);
  const absl::Status status = CheckMicroBatchPlan(job.spec, job.schedule->epochs[0].placement, part);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(CertificateTest, FindsEveryKindOfDamageToAStepPart) {
  const testing::SmallJob job = JobWith(DispatchProtocol::kOncePerRank, 3);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  const StepPart part = planner->PlanStep(0, 0).value();
  const auto check = [&](const StepPart& p) { return CheckStepPart(job.spec, *job.schedule, 0, p); };
  ASSERT_TRUE(check(part).ok()) << check(part);
  size_t fetch = 0, write_back = 0;
  for (size_t i = 0; i < part.transfers.size(); ++i) {
    if (part.transfers[i].kind == TransferKind::kFetch) fetch = i;
    if (part.transfers[i].kind == TransferKind::kWriteBack) write_back = i;
  }
  const std::vector<std::pair<const char*, std::function<void(StepPart*)>>> damages = {
      {"step", [](StepPart* p) { p->step = p->num_steps; }},
      {"position", [](StepPart* p) { p->first_sample_position += 1; }},
      {"samples", [](StepPart* p) { p->num_samples -= 1; }},
      {"loss tokens", [](StepPart* p) { p->num_loss_tokens = p->num_tokens + 1; }},
      {"placement epoch", [](StepPart* p) { p->placement_epoch = 1; }},
      {"need order", [](StepPart* p) { p->need_order.push_back(p->need_order[0]); }},
      {"need of no slot", [](StepPart* p) { p->need_order[0].slot = 99; }},
      {"accesses", [](StepPart* p) { p->accesses.pop_back(); }},
      {"a fetch left out", [&](StepPart* p) { p->transfers.erase(p->transfers.begin() + fetch); }},
      {"a write-back left out", [&](StepPart* p) { p->transfers.erase(p->transfers.begin() + write_back); }},
      {"a gradient forgotten", [&](StepPart* p) { p->transfers[write_back].kind = TransferKind::kEvict; }},
      {"a fetch too late", [&](StepPart* p) { p->transfers[fetch].before_use += 1; }},
      {"another expert", [&](StepPart* p) { p->transfers[fetch].expert += 1; }},
      {"another peer", [](StepPart* p) { p->transfers.back().peer_rank = 4; }},
  };
  for (const auto& damage : damages) {
    StepPart damaged = part;
    damage.second(&damaged);
    EXPECT_EQ(check(damaged).code(), absl::StatusCode::kDataLoss) << damage.first;
  }
}

}  // namespace
}  // namespace grouter
