#include <gmock/gmock.h>

#include "data/indexed_dataset.h"
#include "io/random.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/route_buffer.h"
#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

constexpr uint32_t kSamples = 4, kTokens = 600;

uint32_t TokenAt(uint32_t sample, int64_t position) {
  return static_cast<uint32_t>(Mix64(sample * 10'000 + position) % 150);
}

// A table whose row r has the experts of token r + offset, and the tokens as FOLDER/tokens.
void WriteTableAndTokens(const std::string& folder, int64_t offset) {
  auto writer = IndexedDatasetWriter::Create(FileSystem::Local(), folder + "/tokens", TokenType::kUint16);
  ASSERT_TRUE(writer.ok()) << writer.status();
  TableBuilderOptions build;
  build.path = folder + "/t";
  build.header.num_experts = 64;
  build.header.k = 4;
  build.index = *SampleIndex::FromLengths(std::vector<uint32_t>(kSamples, kTokens), {});
  auto builder = TableBuilder::Create(build);
  ASSERT_TRUE(builder.ok()) << builder.status();
  for (uint32_t s = 0; s < kSamples; ++s) {
    std::vector<uint32_t> tokens;
    RouteBuffer routes(build.header, kTokens);
    for (uint32_t t = 0; t < kTokens; ++t) {
      tokens.push_back(TokenAt(s, t));
      for (uint32_t i = 0; i < 4; ++i) {
        routes.SetId(t, i, Mix64(TokenAt(s, t + offset) * 4 + i) % 16 * 4 + i);
      }
    }
    ASSERT_TRUE(writer->AddSequence(tokens).ok());
    writer->EndDocument();
    ASSERT_TRUE((*builder)->AddSample({routes.view()}).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
  ASSERT_TRUE((*builder)->Finish().ok());
  ASSERT_TRUE(FinishTable(build.path).ok());
}

Outcome Align(const std::string& folder) {
  return RunInGroup("table", AddTableAlignCommand,
                    {"align", folder + "/t", "--tokens", folder + "/tokens", "--json"});
}

TEST(TableAlignCommandTest, AlignedRoutesAreExitCode0) {
  const std::string folder = FreshFolder();
  WriteTableAndTokens(folder, 0);
  const Outcome outcome = Align(folder);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["verdict"], "aligned");
}

TEST(TableAlignCommandTest, RoutesThatAreOffByOneAreAFindingWithTheirOffset) {
  const std::string folder = FreshFolder();
  WriteTableAndTokens(folder, 1);
  const Outcome outcome = Align(folder);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(outcome.json()["verdict"], "shifted");
  EXPECT_EQ(outcome.json()["offset"], 1);
}

TEST(TableAlignCommandTest, TokensOfAnotherNumberOfSamplesAreAWrongInput) {
  const std::string folder = FreshFolder();
  WriteTableAndTokens(folder, 0);
  MakeSmallTable(folder + "/other");
  const Outcome outcome =
      RunInGroup("table", AddTableAlignCommand, {"align", folder + "/other", "--tokens", folder + "/tokens"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("the table has 6 samples"));
}

}  // namespace
}  // namespace grouter
