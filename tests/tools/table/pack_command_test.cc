#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TablePackCommandTest, ThePackedTableHasTheSameDigest) {
  const std::string folder = FreshFolder();
  const auto plain = MakeSmallTable(folder + "/t");
  const Outcome outcome =
      RunInGroup("table", AddTablePackCommand, {"pack", folder + "/t", "--out", folder + "/p", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["digest"], plain->content_digest().Hex());
  const auto packed = RoutingTable::Open(folder + "/p").value();
  EXPECT_EQ(packed->tier(), TableTier::kPacked);
  EXPECT_EQ(packed->stored_bytes(), outcome.json()["packed_bytes"].get<uint64_t>());
}

TEST(TablePackCommandTest, RoundedWeightsMakeAnotherTable) {
  const std::string folder = FreshFolder();
  const auto plain = MakeSmallTable(folder + "/t");
  const Outcome outcome =
      RunInGroup("table", AddTablePackCommand,
                 {"pack", folder + "/t", "--out", folder + "/p", "--max_weight_error", "0.02", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.json()["digest"], plain->content_digest().Hex());
  EXPECT_EQ(RoutingTable::Open(folder + "/p").value()->header().parent_digest, plain->content_digest());
}

TEST(TablePackCommandTest, ABoundOfAHalfAndTokensWithoutIndexAreWrongInputs) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  const auto exit_code = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"pack", folder + "/t", "--out", folder + "/p"};
    words.insert(words.end(), more.begin(), more.end());
    return RunInGroup("table", AddTablePackCommand, words).exit_code;
  };
  EXPECT_EQ(exit_code({"--max_weight_error", "0.5"}), 2);
  EXPECT_EQ(exit_code({"--tokens", folder + "/tokens"}), 2);
}

}  // namespace
}  // namespace grouter
