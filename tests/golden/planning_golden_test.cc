// The bytes of a small job, its schedule and its plans as each planner version made them. A difference means
// a new planner version or encoding version, not a new golden file: servers and trainers of different builds
// must agree on every byte. What was made instead is left among the test's outputs.
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/planning/batch_planner.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob GoldenJob() {
  testing::FakeTableOptions table;
  table.num_experts = 7;
  table.k = 3;
  table.per_token_k = true;
  table.missing_share = 0.1;
  table.num_layer_groups = 2;
  table.weight_type = WeightType::kBFloat16;
  table.num_samples = 9;
  table.shortest = 3;
  table.longest = 9;
  JobDraft draft;
  draft.planner_version = 1;
  draft.topology = Topology::Uniform(2, 1);
  draft.topology.nodes[1].num_ranks = 2;
  draft.ep_size = 3;
  draft.batch.samples_per_step = 5;
  draft.batch.num_micro_batches = 2;
  draft.batch.num_chunks = 2;
  draft.seed = 42;
  draft.protocol = DispatchProtocol::kOncePerNode;
  draft.model.hidden_size = 16;
  draft.model.activation_bytes = 2;
  draft.model.expert_weight_bytes = 100;
  draft.model.expert_gradient_bytes = 50;
  draft.model.row_alignment = 4;
  draft.model.num_resident_experts = 3;
  return testing::MakeJob({table}, draft, /*replicas=*/1);
}

void ExpectGolden(const std::string& name, const std::string& bytes) {
  FileSystem& files = FileSystem::Local();
  const auto golden = files.ReadFile("tests/golden/planning/" + name);
  EXPECT_TRUE(golden.ok() && *golden == bytes) << name << ": " << golden.status();
  const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  if (outputs != nullptr && (!golden.ok() || *golden != bytes)) {
    EXPECT_TRUE(WriteFileAtomically(files, JoinPath(outputs, name), bytes).ok());
  }
}

TEST(PlanningGolden, TodaysPlannerMakesTheGoldenBytes) {
  const testing::SmallJob job = GoldenJob();
  ExpectGolden("job.bin", job.spec.Encode());
  ExpectGolden("draft.bin", job.spec.draft.Encode());
  ExpectGolden("job.json", job.spec.ToJson());
  ExpectGolden("topology.json", job.spec.draft.topology.ToJson());
  ExpectGolden("schedule.bin", job.schedule->Encode());
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
  ASSERT_TRUE(planner.ok()) << planner.status();
  ExpectGolden("digest.txt", (*planner)->job_digest().Hex());
  ExpectGolden("step_part.bin", EncodeStepPart((*planner)->PlanStep(1, 2).value()));
  ExpectGolden("micro_batch.bin",
               EncodeMicroBatchPlan((*planner)->PlanMicroBatch(0, 1, 1).value()).Flatten());
}

// Every byte of all plans of a job, as one digest.
std::string DigestOfAllPlans(const testing::SmallJob& job) {
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  Sha256Stream digest;
  for (uint64_t step = 0; step < planner->num_steps(); ++step) {
    for (uint32_t rank = 0; rank < job.spec.draft.topology.world_size(); ++rank) {
      digest.Update(EncodeStepPart(planner->PlanStep(step, rank).value()));
      for (uint32_t m = 0; m < job.spec.draft.batch.num_micro_batches; ++m) {
        digest.Update(EncodeMicroBatchPlan(planner->PlanMicroBatch(step, rank, m).value()).Flatten());
      }
    }
  }
  return digest.Finish().Hex();
}

// A job that asks for one combination of what the planner does.
testing::SmallJob JobOfFeatures(uint32_t planner_version, DispatchProtocol protocol,
                                AssignmentPolicy assignment, bool residency, uint32_t replicas, bool blended,
                                bool composed) {
  testing::FakeTableOptions table;
  table.num_experts = 13;
  table.k = 3;
  table.per_token_k = blended;
  table.missing_share = composed ? 0.1 : 0;
  table.num_layer_groups = 2;
  table.weight_type = residency ? WeightType::kFloat32 : WeightType::kNone;
  table.num_samples = 17;
  table.shortest = 2;
  table.longest = 12;
  std::vector<testing::FakeTableOptions> tables = {table};
  if (blended) {
    tables.push_back(table);
    tables[1].seed = 2;
    tables[1].num_samples = 9;
  }
  JobDraft draft;
  draft.planner_version = planner_version;
  draft.tables.resize(tables.size());
  for (size_t t = 0; t < tables.size(); ++t) draft.tables[t].weight = 3 - t;
  draft.topology = Topology::Uniform(2, 2);
  draft.topology.nodes[1].num_ranks = 4;
  draft.ep_size = 3;
  draft.batch.samples_per_step = 11;
  draft.batch.num_micro_batches = 2;
  draft.batch.num_chunks = 2;
  draft.batch.assignment = assignment;
  if (composed) draft.batch.composition = BatchComposition{22, 11, 1, 60};
  draft.seed = 7;
  draft.protocol = protocol;
  draft.model.layer_group_of_layer = {0, 1, 1};
  draft.model.hidden_size = 16;
  draft.model.activation_bytes = 2;
  draft.model.expert_weight_bytes = 100;
  draft.model.expert_gradient_bytes = 200;
  draft.model.expert_master_bytes = 200;
  draft.model.expert_moment_bytes = 400;
  draft.model.row_alignment = 8;
  draft.model.num_resident_experts = residency ? 6 : 0;
  return testing::MakeJob(tables, draft, replicas);
}

// A line for each combination of features, with a digest of all plans of a job that asks for it.
std::string DigestsOfEveryFeature(uint32_t planner_version) {
  constexpr const char* kProtocols[] = {"once_per_rank", "copy_per_expert", "once_per_node"};
  std::string digests;
  for (int protocol = 0; protocol < 3; ++protocol) {
    for (int assignment = 0; assignment < 3; ++assignment) {
      for (int features = 0; features < 16; ++features) {
        const bool residency = features & 1, replicas = features & 2, blended = features & 4,
                   composed = features & 8;
        absl::StrAppend(
            &digests, kProtocols[protocol], " assignment ", assignment, residency ? " residency" : "",
            replicas ? " replicas" : "", blended ? " blend" : "", composed ? " composition" : "", ": ",
            DigestOfAllPlans(JobOfFeatures(planner_version, static_cast<DispatchProtocol>(protocol),
                                           static_cast<AssignmentPolicy>(assignment), residency,
                                           replicas ? 2 : 0, blended, composed)),
            "\n");
      }
    }
  }
  return digests;
}

TEST(PlanningGolden, EveryFeaturesPlansOfEveryPlannerVersionKeepTheirBytes) {
  for (uint32_t version = 1; version <= kPlannerVersion; ++version) {
    ExpectGolden(absl::StrCat("plans_v", version, ".txt"), DigestsOfEveryFeature(version));
  }
}

TEST(PlanningGolden, AJobThatComposesItsBatchesHasTheGoldenBytesOfItsOwnVersion) {
  JobSpec spec = GoldenJob().spec;
  spec.draft.batch.composition = BatchComposition{10, 5, 1, 100};
  ExpectGolden("composed_job.bin", spec.Encode());
  ExpectGolden("composed_digest.txt", spec.digest().Hex());
}

TEST(PlanningGolden, TodaysReadersReadTheGoldenBytes) {
  FileSystem& files = FileSystem::Local();
  const auto read = [&](const std::string& name) {
    return files.ReadFile("tests/golden/planning/" + name).value();
  };
  EXPECT_EQ(JobSpec::Decode(read("job.bin"))->digest().Hex(), read("digest.txt"));
  EXPECT_EQ(JobSpec::Decode(read("composed_job.bin"))->digest().Hex(), read("composed_digest.txt"));
  EXPECT_EQ(JobSpec::FromJson(read("job.json"), "job.json")->digest().Hex(), read("digest.txt"));
  EXPECT_EQ(PlacementSchedule::Decode(read("schedule.bin"))->draft,
            JobDraft::Decode(read("draft.bin"))->digest());
  EXPECT_EQ(DecodeStepPart(read("step_part.bin"))->step, 1u);
  const std::string plan = read("micro_batch.bin");
  EXPECT_EQ(DecodeMicroBatchPlan(plan, nullptr)->rank, 1u);
}

}  // namespace
}  // namespace grouter
