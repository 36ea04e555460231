#include <gmock/gmock.h>

#include "tests/tools/steps/small_corpus.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::MakeSmallCorpus;
using testing::RunProgram;

TEST(IndexCommandTest, SplitsAreCountedAndTheDigestFollowsTheRules) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  const auto index = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"index", "--tokens",        folder + "/tokens",
                                          "--out", folder + "/other", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(AddIndexCommand, arguments);
  };
  const auto packed = index({"--sequence_length", "16"});
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_GT(packed.json()["train_samples"].get<int>(), packed.json()["valid_samples"].get<int>());
  EXPECT_EQ(packed.json()["tokens"],
            packed.json()["train_tokens"].get<int>() + packed.json()["valid_tokens"].get<int>());
  EXPECT_EQ(index({"--sequence_length", "16"}).json()["digest"], packed.json()["digest"]);
  EXPECT_NE(index({"--sequence_length", "16", "--seed", "1"}).json()["digest"], packed.json()["digest"]);
  EXPECT_NE(index({"--sequence_length", "16", "--packing", "one_document"}).json()["digest"],
            packed.json()["digest"]);
}

TEST(IndexCommandTest, BadSplitsAreNamed) {
  for (const char* split : {"train", "train=", "train=0", "=5", "train=x"}) {
    const auto outcome =
        RunProgram(AddIndexCommand, {"index", "--tokens", "t", "--out", "o", "--splits", split});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(split));
  }
}

TEST(IndexCommandTest, AMissingDatasetIsNamed) {
  const auto outcome = RunProgram(AddIndexCommand, {"index", "--tokens", "/no/such", "--out", "/no/index"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/no/such"));
}

}  // namespace
}  // namespace grouter
