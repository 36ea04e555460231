#include <gmock/gmock.h>

#include "tests/tools/command/run_program.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::RunProgram;
using testing::WriteText;

TEST(CorpusCommandTest, CollectsAFolderAndCountsIt) {
  const std::string folder = FreshFolder();
  WriteText(folder + "/text/de/a.txt", "guten Tag");
  WriteText(folder + "/text/fr/b.txt", "bonjour");
  const auto outcome = RunProgram(
      AddCorpusCommand, {"corpus", "--from", folder + "/text", "--out", folder + "/corpus", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["documents"], 2);
  EXPECT_EQ(outcome.json()["bytes"], 16);
  EXPECT_EQ(outcome.json()["domains"], (std::vector<std::string>{"de", "fr"}));
}

TEST(CorpusCommandTest, AMissingOrEmptyFolderIsAWrongInputAndMakesNothing) {
  const std::string folder = FreshFolder();
  auto outcome =
      RunProgram(AddCorpusCommand, {"corpus", "--from", folder + "/no", "--out", folder + "/corpus"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr(folder + "/no"));
  std::filesystem::create_directories(folder + "/empty");
  outcome =
      RunProgram(AddCorpusCommand, {"corpus", "--from", folder + "/empty", "--out", folder + "/corpus"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("grouter: error: "));
  EXPECT_FALSE(std::filesystem::exists(folder + "/corpus/corpus.json"));
}

}  // namespace
}  // namespace grouter
