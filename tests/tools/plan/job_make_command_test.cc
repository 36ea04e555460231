#include <gmock/gmock.h>

#include "tests/tools/plan/small_plan.h"
#include "tools/plan/job_files.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::ElementsAre;

TEST(JobMakeCommandTest, TheDraftNamesTableModelAndWorld) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  const Outcome outcome = MakeDraft(folder, {"--protocol", "copy_per_expert", "--gate_weights", "live"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto draft = ReadJobDraft(folder + "/draft.json");
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_EQ(draft->digest().Hex(), outcome.json()["digest"]);
  EXPECT_EQ(draft->topology.world_size(), 2);
  EXPECT_EQ(draft->ep_size, 2);
  EXPECT_THAT(draft->model.layer_group_of_layer, ElementsAre(0, 0));
  EXPECT_EQ(draft->model.expert_weight_bytes, 4 * 3 * 16 * 8);
  EXPECT_EQ(draft->protocol, DispatchProtocol::kCopyPerExpert);
  EXPECT_EQ(draft->gate_weights, GateWeights::kLive);
  EXPECT_EQ(draft->tables[0].table, RoutingTable::Open(folder + "/table").value()->content_digest());
}

TEST(JobMakeCommandTest, BatchesAreComposedOnlyWhenAsked) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  EXPECT_FALSE(ReadJobDraft(folder + "/draft.json")->batch.composition.has_value());
  ASSERT_EQ(MakeDraft(folder, {"--compose_steps", "3", "--compose_domain_slack", "2"}).exit_code, 0);
  const JobDraft draft = ReadJobDraft(folder + "/draft.json").value();
  ASSERT_TRUE(draft.batch.composition.has_value());
  EXPECT_EQ(draft.batch.composition->window_samples, 12);  // of steps of 4
  EXPECT_EQ(draft.batch.composition->batch_samples, 4);
  EXPECT_EQ(draft.batch.composition->domain_slack, 2);
}

TEST(JobMakeCommandTest, ABadBatchIsAWrongInputAndWritesNothing) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  EXPECT_EQ(MakeDraft(folder, {"--ep_size", "3"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder + "/draft.json"));
}

}  // namespace
}  // namespace grouter
