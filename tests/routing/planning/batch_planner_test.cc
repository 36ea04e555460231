#include "routing/planning/batch_planner.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "routing/planning/dispatch_layout.h"
#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

using testing::FakeTableOptions;
using testing::MakeJob;
using testing::RandomJob;
using testing::SmallJob;

std::unique_ptr<const BatchPlanner> PlannerOf(const SmallJob& job, BatchPlannerOptions options = {}) {
  auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule, options);
  EXPECT_TRUE(planner.ok()) << planner.status();
  return planner.ok() ? std::move(planner).value() : nullptr;
}

std::vector<SampleRef> SamplesOf(const BatchPlanner& planner, uint64_t step) {
  const auto assignment = planner.Assign(step);
  EXPECT_TRUE(assignment.ok()) << assignment.status();
  return assignment.ok() ? assignment->samples : std::vector<SampleRef>();
}

JobDraft PlainDraft(uint32_t nodes, uint32_t ranks_per_node, uint32_t ep_size) {
  JobDraft draft;
  draft.topology = Topology::Uniform(nodes, ranks_per_node);
  draft.ep_size = ep_size;
  draft.batch.samples_per_step = 8;
  draft.model.hidden_size = 16;
  draft.model.expert_weight_bytes = 1000;
  draft.model.expert_gradient_bytes = 500;
  return draft;
}

TEST(BatchPlannerTest, PlansOfAnyShapePassTheIndependentVerifier) {
  for (uint64_t seed = 0; seed < 120; ++seed) {
    const SmallJob job = RandomJob(seed);
    const auto planner = PlannerOf(job);
    ASSERT_NE(planner, nullptr) << seed;
    const auto report = VerifyPlans(job.spec, job.const_tables(), *job.schedule, PlansOf(*planner), 0,
                                    std::min<uint64_t>(planner->num_steps() - 1, 6));
    ASSERT_TRUE(report.ok()) << seed << report.status();
    EXPECT_TRUE(report->findings.empty()) << "seed " << seed << ": " << report->findings[0];
  }
}

TEST(BatchPlannerTest, ItsSplitsAreThoseOfTheDispatchLayout) {
  for (uint64_t seed = 200; seed < 280; ++seed) {
    const SmallJob job = RandomJob(seed);
    const auto planner = PlannerOf(job);
    ASSERT_NE(planner, nullptr) << seed;
    const auto plans = planner->PlanMicroBatchForAll(0, 0);
    ASSERT_TRUE(plans.ok()) << plans.status();
    for (const MicroBatchPlan& plan : *plans) {
      for (const LayerGroupPlan& group : plan.layer_groups) {
        for (const ChunkPlan& chunk : group.chunks) {
          const auto layout =
              LayOutDispatch(plan, group, chunk, job.schedule->epochs[0].placement[group.layer_group],
                             job.spec.draft.protocol, job.spec.draft.topology, plan.rank);
          ASSERT_TRUE(layout.ok()) << layout.status();
          EXPECT_EQ(layout->send_splits, chunk.send_splits) << "seed " << seed << " rank " << plan.rank;
        }
      }
    }
  }
}

TEST(BatchPlannerTest, ThreadsCacheAndOrderOfCallsDoNotChangeBytes) {
  for (uint64_t seed = 300; seed < 312; ++seed) {
    const SmallJob job = RandomJob(seed);
    BatchPlannerOptions threads;
    threads.num_threads = 4;
    threads.cache_bytes = 0;
    const auto one = PlannerOf(job), other = PlannerOf(job, threads);
    const uint32_t world = job.spec.draft.topology.world_size();
    for (uint64_t step = std::min<uint64_t>(one->num_steps(), 4); step-- > 0;) {
      for (uint32_t m = 0; m < job.spec.draft.batch.num_micro_batches; ++m) {
        const auto all = one->PlanMicroBatchForAll(step, m),
                   on_threads = other->PlanMicroBatchForAll(step, m);
        ASSERT_TRUE(all.ok() && on_threads.ok());
        for (uint32_t r = 0; r < world; ++r) {
          const auto plan = other->PlanMicroBatch(step, r, m);
          ASSERT_TRUE(plan.ok());
          EXPECT_EQ(EncodeMicroBatchPlan(*plan).Flatten(), EncodeMicroBatchPlan((*all)[r]).Flatten());
          EXPECT_EQ(EncodeMicroBatchPlan((*on_threads)[r]).Flatten(),
                    EncodeMicroBatchPlan((*all)[r]).Flatten());
          EXPECT_EQ(EncodeStepPart(*one->PlanStep(step, r)), EncodeStepPart(*other->PlanStep(step, r)));
        }
      }
    }
  }
}

TEST(BatchPlannerTest, ManyThreadsMayAskAtOnce) {
  const SmallJob job = RandomJob(17);
  const auto planner = PlannerOf(job), alone = PlannerOf(job);
  const uint32_t world = job.spec.draft.topology.world_size();
  const uint64_t steps = std::min<uint64_t>(planner->num_steps(), 5);
  std::vector<std::string> got(world * steps);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < world; ++r) {
    threads.emplace_back([&, r] {
      for (uint64_t s = 0; s < steps; ++s) {
        got[r * steps + s] = EncodeMicroBatchPlan(*planner->PlanMicroBatch(s, r, 0)).Flatten();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint32_t r = 0; r < world; ++r) {
    for (uint64_t s = 0; s < steps; ++s) {
      EXPECT_EQ(got[r * steps + s], EncodeMicroBatchPlan(*alone->PlanMicroBatch(s, r, 0)).Flatten());
    }
  }
}

TEST(BatchPlannerTest, EverySampleComesOncePerEpochAndTheLastStepMayBeSmaller) {
  FakeTableOptions table;
  table.num_samples = 21;
  const SmallJob job = MakeJob({table}, PlainDraft(1, 2, 2));
  const auto planner = PlannerOf(job);
  EXPECT_EQ(planner->num_steps(), 3u);
  std::set<uint64_t> seen;
  uint64_t total = 0;
  for (uint64_t step = 0; step < 3; ++step) {
    const auto assignment = planner->Assign(step);
    ASSERT_TRUE(assignment.ok());
    EXPECT_EQ(assignment->samples.size(), step < 2 ? 8u : 5u);
    for (const SampleRef& ref : assignment->samples) seen.insert(ref.sample);
    total += assignment->samples.size();
  }
  EXPECT_EQ(total, 21u);
  EXPECT_EQ(seen.size(), 21u);
  EXPECT_EQ(planner->PlanStep(3, 0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(planner->PlanStep(0, 2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(planner->PlanMicroBatch(0, 0, 1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(BatchPlannerTest, AssignmentAndWorldNeverChangeWhichSamplesAStepHas) {
  FakeTableOptions table;
  table.num_samples = 40;
  std::vector<std::vector<uint64_t>> lists;
  for (AssignmentPolicy policy :
       {AssignmentPolicy::kTransport, AssignmentPolicy::kAlgorithm1, AssignmentPolicy::kInOrder}) {
    for (uint32_t ranks : {1, 2, 3, 5}) {
      JobDraft draft = PlainDraft(1, ranks, ranks);
      draft.batch.assignment = policy;
      const auto planner = PlannerOf(MakeJob({table}, draft));
      std::vector<uint64_t> list;
      for (uint64_t step = 0; step < planner->num_steps(); ++step) {
        for (const SampleRef& ref : SamplesOf(*planner, step)) list.push_back(ref.sample);
      }
      lists.push_back(list);
    }
  }
  for (const auto& list : lists) EXPECT_EQ(list, lists[0]);
}

TEST(BatchPlannerTest, AJobContinuesExactlyWhereAnotherEnded) {
  FakeTableOptions first, second;
  first.num_samples = 30;
  second.num_samples = 11;
  second.seed = 9;
  JobDraft draft = PlainDraft(1, 4, 4);
  draft.batch.num_steps = 12;
  draft.tables.resize(2);
  draft.tables[0].weight = 5;
  draft.tables[1].weight = 3;
  const auto whole = PlannerOf(MakeJob({first, second}, draft));
  std::vector<std::pair<uint32_t, uint64_t>> expected, got;
  for (uint64_t step = 0; step < 12; ++step) {
    for (const SampleRef& ref : SamplesOf(*whole, step)) expected.emplace_back(ref.table, ref.sample);
  }
  // Two ranks are lost after five steps, and the batch grows.
  JobDraft rest = PlainDraft(1, 2, 2);
  rest.tables = draft.tables;
  rest.batch.samples_per_step = 14;
  rest.batch.num_steps = 4;
  rest.continues = Continues{whole->job_digest(), 40};
  const auto continued = PlannerOf(MakeJob({first, second}, rest));
  EXPECT_EQ(continued->FirstSamplePosition(0), 40u);
  for (uint64_t step = 0; step < 4; ++step) {
    for (const SampleRef& ref : SamplesOf(*continued, step)) got.emplace_back(ref.table, ref.sample);
  }
  EXPECT_EQ(got, decltype(got)(expected.begin() + 40, expected.end()));
}

TEST(BatchPlannerTest, RanksWithoutSamplesHaveZeroSplits) {
  FakeTableOptions table;
  JobDraft draft = PlainDraft(2, 3, 6);
  draft.batch.samples_per_step = 2;
  const auto planner = PlannerOf(MakeJob({table}, draft));
  const auto plan = planner->PlanMicroBatch(0, 5, 0);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->num_tokens, 0u);
  EXPECT_EQ(plan->layer_groups[0].chunks[0].send_splits, std::vector<uint32_t>(6, 0));
}

TEST(BatchPlannerTest, TransportNeverSendsMoreThanDealingInOrder) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    FakeTableOptions table;
    table.seed = seed;
    table.num_samples = 64;
    table.num_experts = 32;
    JobDraft draft = PlainDraft(4, 1, 4);
    draft.batch.samples_per_step = 32;
    const auto rows_sent = [&](AssignmentPolicy policy) {
      draft.batch.assignment = policy;
      const auto planner = PlannerOf(MakeJob({table}, draft));
      const auto plans = planner->PlanMicroBatchForAll(0, 0);
      uint64_t rows = 0;
      for (const MicroBatchPlan& plan : *plans) {
        const auto& splits = plan.layer_groups[0].chunks[0].send_splits;
        for (uint32_t r = 0; r < splits.size(); ++r) rows += r == plan.rank ? 0 : splits[r];
      }
      return rows;
    };
    const uint64_t best = rows_sent(AssignmentPolicy::kTransport);
    EXPECT_LT(best, rows_sent(AssignmentPolicy::kInOrder));
    EXPECT_LE(best, rows_sent(AssignmentPolicy::kAlgorithm1));
  }
}

TEST(BatchPlannerTest, RefusesAPlanThatDoesNotFit) {
  FakeTableOptions table;
  JobDraft draft = PlainDraft(1, 2, 2);
  draft.topology.nodes[0].memory_bytes = 8 * 1500 + 2000;
  const auto planner = PlannerOf(MakeJob({table}, draft));
  ASSERT_NE(planner, nullptr);
  EXPECT_EQ(planner->PlanMicroBatch(0, 0, 0).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(BatchPlannerTest, NamesAllProblemsOfAJobAtOnce) {
  FakeTableOptions table;
  table.causality = Causality::kPackedBidirectional;
  table.token_crcs_known = false;
  table.missing_share = 0.2;
  table.weight_type = WeightType::kNone;
  SmallJob job = MakeJob({table}, PlainDraft(1, 2, 2));
  job.spec.draft.allow_noncausal = false;
  job.spec.draft.allow_unverified_tokens = false;
  job.spec.draft.gate_weights = GateWeights::kStored;
  job.spec.draft.tables[0].missing_routes = MissingRoutes::kRefuse;
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
  EXPECT_EQ(planner.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string text(planner.status().message());
  for (const char* word : {"causal", "checksums", "misses the routes", "gate weights"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in " << text;
  }
}

TEST(BatchPlannerTest, RefusesAScheduleForAnotherDraftAndAnotherPlannerVersion) {
  SmallJob job = MakeJob({FakeTableOptions()}, PlainDraft(1, 2, 2));
  JobSpec other = job.spec;
  other.draft.seed += 1;
  EXPECT_EQ(BatchPlanner::Create(other, job.const_tables(), job.schedule).status().code(),
            absl::StatusCode::kInvalidArgument);
  other = job.spec;
  other.draft.planner_version = 99;
  EXPECT_EQ(BatchPlanner::Create(other, job.const_tables(), job.schedule).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(BatchPlannerTest, ARouteThatNamesNoExpertIsDataLoss) {
  SmallJob job = MakeJob({FakeTableOptions()}, PlainDraft(1, 2, 2));
  for (uint64_t s = 0; s < 32; ++s) job.tables[0]->SetId(s, 0, 3, 1, 200);
  EXPECT_EQ(PlannerOf(job)->PlanMicroBatch(0, 0, 0).status().code(), absl::StatusCode::kDataLoss);
}

TEST(BatchPlannerTest, MovesOfAPlacementEpochBecomeTransfersOfItsFirstStep) {
  JobDraft draft = PlainDraft(1, 3, 3);
  draft.model.expert_moment_bytes = 100;
  SmallJob job = MakeJob({FakeTableOptions()}, draft);
  auto schedule = std::make_shared<PlacementSchedule>(*job.schedule);
  const LayerPlacement& layer = schedule->epochs[0].placement[0];
  std::vector<std::vector<uint32_t>> slots(3);
  for (uint32_t r = 0; r < 3; ++r) {
    for (uint32_t s = 0; s < layer.num_slots(r); ++s) slots[r].push_back(layer.ExpertAt(SlotRef{r, s}));
  }
  std::swap(slots[0][1], slots[2][0]);
  PlacementEpoch next;
  next.first_step = 2;
  next.placement = {LayerPlacement::Make(16, slots).value()};
  next.moves = {{0, slots[2][0], SlotRef{0, 1}, SlotRef{2, 0}},
                {0, slots[0][1], SlotRef{2, 0}, SlotRef{0, 1}}};
  schedule->epochs.push_back(next);
  job.spec.schedule = schedule->digest();
  job.schedule = schedule;
  const auto planner = PlannerOf(job);
  EXPECT_TRUE(planner->PlanStep(1, 0)->transfers.empty());
  const StepPart part = planner->PlanStep(2, 2).value();
  EXPECT_EQ(part.placement_epoch, 1u);
  ASSERT_EQ(part.transfers.size(), 2u);
  EXPECT_FALSE(part.transfers[0].outgoing);
  EXPECT_EQ(part.transfers[0].peer_rank, 0u);
  EXPECT_EQ(part.transfers[0].bytes, 1100u);
  EXPECT_TRUE(part.transfers[1].outgoing);
  EXPECT_TRUE(planner->PlanStep(2, 1)->transfers.empty());
  const auto report = VerifyPlans(job.spec, job.const_tables(), *schedule, PlansOf(*planner), 0, 3);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->findings.empty()) << report->findings[0];
}

TEST(BatchPlannerTest, FewResidentExpertsAreFetchedBeforeTheirUse) {
  for (uint32_t resident : {1, 2, 5, 30}) {
    FakeTableOptions table;
    table.num_layer_groups = 2;
    JobDraft draft = PlainDraft(1, 2, 2);
    draft.batch.num_chunks = 3;
    draft.batch.num_micro_batches = 2;
    draft.model.num_resident_experts = resident;
    const SmallJob job = MakeJob({table}, draft);
    const auto planner = PlannerOf(job);
    const auto report = VerifyPlans(job.spec, job.const_tables(), *job.schedule, PlansOf(*planner), 0, 3);
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(report->findings.empty()) << report->findings[0];
    const StepPart part = planner->PlanStep(0, 0).value();
    EXPECT_EQ(part.accesses.size(), part.num_accesses);
    EXPECT_GT(part.transfers.size(), 0u);
  }
}

}  // namespace
}  // namespace grouter
