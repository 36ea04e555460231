#include "routing/planning/job_check.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob GoodJob() {
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 4;
  draft.model.expert_weight_bytes = 100;
  return testing::MakeJob({testing::FakeTableOptions()}, draft);
}

absl::Status Tables(const testing::SmallJob& job) { return CheckTables(job.spec.draft, job.const_tables()); }

TEST(JobCheckTest, AGoodJobPasses) {
  const testing::SmallJob job = GoodJob();
  EXPECT_TRUE(Tables(job).ok());
  EXPECT_TRUE(CheckSchedule(job.spec, *job.tables[0], *job.schedule).ok());
}

TEST(JobCheckTest, ListsProblemsOfSplitDigestsLayersAndSlotsTogether) {
  testing::SmallJob job = GoodJob();
  job.spec.draft.tables[0].split = "test";
  job.spec.draft.tables[0].table = Sha256("another");
  job.spec.draft.tables[0].sample_index = Sha256("another");
  job.spec.draft.model.layer_group_of_layer = {0, 4};
  job.spec.draft.model.num_slots_per_rank = 3;
  const std::string text(Tables(job).message());
  for (const char* part :
       {"split named test", "names table", "sample index", "group 4", "6 slots for 16 experts"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST(JobCheckTest, RefusesExpertsThatDoNotFitIntoMemory) {
  testing::SmallJob job = GoodJob();
  job.spec.draft.topology.nodes[0].memory_bytes = 700;
  auto schedule = *job.schedule;
  schedule.draft = job.spec.draft.digest();
  job.spec.schedule = schedule.digest();
  const absl::Status status = CheckSchedule(job.spec, *job.tables[0], schedule);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("800 bytes of 700"), std::string::npos) << status;
}

TEST(JobCheckTest, ProblemsOfValuesTablesSlotsAndMemoryAreListedAtOnceWithAFixEach) {
  testing::SmallJob job = GoodJob();
  JobDraft& draft = job.spec.draft;
  draft.batch.num_chunks = 0;                  // the draft's own
  draft.topology = Topology::Uniform(1, 3);    // does not match ep_size 2
  draft.topology.nodes[0].memory_bytes = 299;  // three slots of 100 bytes
  draft.tables[0].split = "none such";
  draft.model.num_slots_per_rank = 3;  // 6 for 16 experts
  const absl::Status status = Tables(job);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  for (const char* part : {"num_chunks is 0", "no multiple of ep_size", "none such", "6 slots for 16 experts",
                           "3 stored experts", "raise model.num_slots_per_rank", "fewer slots"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

// What a table's file may say although no router routes so.
class TableOfAnotherK : public testing::FakeRoutingTable {
 public:
  TableOfAnotherK(const testing::FakeTableOptions& options, uint32_t k)
      : FakeRoutingTable(options), header_(FakeRoutingTable::header()) {
    header_.k = k;
  }
  const TableHeader& header() const override { return header_; }

 private:
  TableHeader header_;
};

TEST(JobCheckTest, MoreExpertsATokenThanThereAreIsListedWithTheOtherProblems) {
  testing::SmallJob job = GoodJob();
  job.tables[0] = std::make_shared<TableOfAnotherK>(testing::FakeTableOptions(), 17);
  job.spec.draft.model.num_slots_per_rank = 3;
  job.spec.draft.tables[0].split = "none such";
  const absl::Status status = Tables(job);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const std::string text(status.message());
  for (const char* part :
       {"k 17 is more than 16 experts", "fix the table", "6 slots for 16 experts", "none such"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST(JobCheckTest, APlannerVersionThatIsNotHereIsUnimplemented) {
  testing::SmallJob job = GoodJob();
  for (uint32_t version : {0u, kPlannerVersion + 1}) {
    job.spec.draft.planner_version = version;
    EXPECT_EQ(Tables(job).code(), absl::StatusCode::kUnimplemented) << version;
  }
}

TEST(JobCheckTest, MemoryHoldsExactlyWhatItMust) {
  testing::SmallJob job = GoodJob();
  job.spec.draft.model.num_slots_per_rank = 8;
  job.spec.draft.topology.nodes[0].memory_bytes = 800;
  EXPECT_TRUE(Tables(job).ok()) << Tables(job);
  job.spec.draft.topology.nodes[0].memory_bytes = 799;
  EXPECT_EQ(Tables(job).code(), absl::StatusCode::kFailedPrecondition);
  job.spec.draft.model.num_resident_experts = 7;
  EXPECT_TRUE(Tables(job).ok()) << Tables(job);
}

TEST(JobCheckTest, RefusesAScheduleOfAnotherShape) {
  testing::SmallJob job = GoodJob();
  auto schedule = *job.schedule;
  schedule.epochs[0].placement = {LayerPlacement::Contiguous(16, 3)};
  job.spec.schedule = schedule.digest();
  EXPECT_EQ(CheckSchedule(job.spec, *job.tables[0], schedule).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(JobCheckTest, ATableOfGeneratedCapturesServesACausalJob) {
  testing::FakeTableOptions table;
  table.causality = Causality::kCaptured;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 4;
  testing::SmallJob job = testing::MakeJob({table}, draft);
  EXPECT_TRUE(Tables(job).ok());
  job.spec.draft.allow_noncausal = false;
  EXPECT_EQ(Tables(job).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(JobCheckTest, AJobContinuesOnlyItsOwnBlendAndSeed) {
  const testing::SmallJob job = GoodJob();
  JobDraft next = job.spec.draft;
  EXPECT_FALSE(CheckContinues(job.spec, next).ok());
  next.continues = Continues{job.spec.digest(), 8};
  next.topology = Topology::Uniform(1, 1);
  next.ep_size = 1;
  EXPECT_TRUE(CheckContinues(job.spec, next).ok());
  next.seed += 1;
  EXPECT_FALSE(CheckContinues(job.spec, next).ok());
  next.seed -= 1;
  next.tables[0].weight = 2;
  EXPECT_FALSE(CheckContinues(job.spec, next).ok());
}

TEST(JobCheckTest, AJobContinuesOnlyWithTheSameBatchComposition) {
  testing::SmallJob job = GoodJob();
  job.spec.draft.batch.composition = BatchComposition{24, 8, 1, 100};
  JobDraft next = job.spec.draft;
  next.continues = Continues{job.spec.digest(), 16};
  next.batch.samples_per_step *= 2;  // batch_samples stays what it was
  EXPECT_TRUE(CheckContinues(job.spec, next).ok());
  next.batch.composition->iterations = 99;
  EXPECT_FALSE(CheckContinues(job.spec, next).ok());
  next.batch.composition.reset();
  EXPECT_FALSE(CheckContinues(job.spec, next).ok());
}

}  // namespace
}  // namespace grouter
