#include "tools/table/token_files.h"

#include "routing/table/packed/pack_table.h"
#include "tests/routing/table/packed/token_table.h"
#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

struct Files {
  std::string folder = FreshFolder();
  TokenFileOptions options;
  Files() {
    TokenTableOptions o;
    o.lengths = {300, 200};
    const TokenFiles tokens = MakeTokenTable(o, folder, FileSystem::Local());
    options.tokens = folder + "/tokens";
    options.index = folder + "/samples";
    GROUTER_CHECK(tokens.index->Save(options.index).ok());
    PackOptions pack;
    pack.tokens = tokens;
    pack.output = folder + "/packed";
    GROUTER_CHECK(PackTable(folder + "/plain", pack).ok());
  }
};

TEST(TokenFilesTest, OpenATableOfEitherTier) {
  const Files f;
  EXPECT_TRUE(OpenTable(f.folder + "/packed", f.options).ok());
  EXPECT_TRUE(OpenTable(f.folder + "/plain", {}).ok());
  EXPECT_EQ(OpenTable(f.folder + "/packed", {}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenTokenFiles({f.options.tokens, ""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(OpenTokenFiles({})->empty());
}

TEST(TokenFilesTest, VerifyDiffSliceAndExportReadAPackedTableBesideItsTokens) {
  const Files f;
  const std::string packed = f.folder + "/packed";
  const auto with_tokens = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--tokens", f.options.tokens, "--index", f.options.index});
    return words;
  };
  const Outcome verified = RunInGroup("table", AddTableVerifyCommand, with_tokens({"verify", packed}));
  EXPECT_EQ(verified.exit_code, 0) << verified.err << verified.out;
  EXPECT_EQ(RunInGroup("table", AddTableVerifyCommand, {"verify", packed}).exit_code, 2);
  const Outcome sliced = RunInGroup(
      "table", AddTableSliceCommand,
      with_tokens({"slice", packed, "--out", f.folder + "/s", "--first_sample", "1", "--samples", "1"}));
  EXPECT_EQ(sliced.exit_code, 0) << sliced.err;
  EXPECT_EQ(RoutingTable::Open(f.folder + "/s").value()->num_samples(), 1);
  const Outcome exported = RunInGroup("table", AddTableExportCommand,
                                      with_tokens({"export", packed, "--out", f.folder + "/e.npz"}));
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  const Outcome equal =
      RunInGroup("table", AddTableDiffCommand, with_tokens({"diff", packed, f.folder + "/plain"}));
  EXPECT_EQ(equal.exit_code, 0) << equal.err;
}

}  // namespace
}  // namespace grouter
