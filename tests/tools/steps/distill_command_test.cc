#include <gmock/gmock.h>

#include "tests/routing/network/small_teacher.h"
#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(DistillCommandTest, MakesARouterOfTheTeachersExpertsAndMeasuresIt) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  SmallTeacher teacher;
  teacher.vocab_size = 261;
  const std::string teacher_folder = teacher.Write("distill_command_teacher");
  const Outcome outcome =
      RunProgram(AddDistillCommand,
                 WithCorpus(folder, {"distill", "--teacher", teacher_folder, "--out", folder + "/router",
                                     "--hidden_size", "16", "--blocks", "1", "--heads", "2", "--mlp_size",
                                     "24", "--train_tokens", "20000", "--tokens_per_step", "500"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_LT(outcome.json()["last_loss"], outcome.json()["first_loss"]);
  EXPECT_GT(outcome.json()["recall"], 0.25);
  const auto router = LoadRouter(folder + "/router");
  ASSERT_TRUE(router.ok());
  EXPECT_EQ(router->spec.shape.num_experts, teacher.num_experts);
  EXPECT_EQ(router->spec.causality, Causality::kCausal);
}

TEST(DistillCommandTest, AMissingTeacherIsNamed) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  const Outcome outcome =
      RunProgram(AddDistillCommand,
                 WithCorpus(folder, {"distill", "--teacher", "/no/teacher", "--out", folder + "/router"}));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("/no/teacher"));
}

}  // namespace
}  // namespace grouter
