#include <gmock/gmock.h>

#include "tests/tools/steps/small_corpus.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using testing::ByteRanks;
using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunProgram;
using testing::WriteText;

class TokenizeCommandTest : public ::testing::Test {
 protected:
  TokenizeCommandTest() : folder_(FreshFolder()) {
    WriteText(folder_ + "/text/one/a.txt", "the end");
    RunProgram(AddCorpusCommand, {"corpus", "--from", folder_ + "/text", "--out", folder_ + "/corpus"});
  }
  Outcome Tokenize(const std::string& ranks, std::vector<std::string> more = {}) {
    WriteText(folder_ + "/ranks", ranks);
    std::vector<std::string> arguments = {"tokenize",         "--corpus", folder_ + "/corpus", "--ranks",
                                          folder_ + "/ranks", "--out",    folder_ + "/tokens", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(AddTokenizeCommand, arguments);
  }
  std::string folder_;
};

TEST_F(TokenizeCommandTest, WritesAPairAndItsFacts) {
  const Outcome outcome = Tokenize(ByteRanks());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["tokens"], 7);  // th e " " e n d and end of document
  EXPECT_EQ(outcome.json()["vocab_size"], 258 + 3);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/tokens.idx"));
}

TEST_F(TokenizeCommandTest, ACutOrRepeatedRankFileIsAWrongInputAndMakesNothing) {
  const std::string ranks = ByteRanks();
  for (const std::string& bad :
       {ranks.substr(0, ranks.size() - 4), ranks + ranks.substr(0, ranks.find('\n') + 1),
        ranks.substr(0, ranks.size() / 2), std::string()}) {
    const Outcome outcome = Tokenize(bad);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(folder_ + "/ranks"));
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/tokens.idx"));
  }
}

TEST_F(TokenizeCommandTest, AVocabularyTooLargeForTheFileIsAWrongInput) {
  EXPECT_EQ(Tokenize(ByteRanks(), {"--vocab_size", "100000"}).exit_code, 2);
  EXPECT_EQ(Tokenize(ByteRanks(), {"--threads", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
