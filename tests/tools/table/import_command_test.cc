#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableImportCommandTest, WhatWasExportedComesBackAsTheSameRoutes) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  ASSERT_EQ(RunInGroup("table", AddTableExportCommand,
                       {"export", folder + "/t", "--format", "npz", "--out", folder + "/t.npz"})
                .exit_code,
            0);
  const Outcome outcome = RunInGroup("table", AddTableImportCommand,
                                     {"import", folder + "/t.npz", "--format", "npz", "--out",
                                      folder + "/back", "--experts", "8", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["samples"], 6);
  EXPECT_EQ(outcome.json()["tokens"], 53);
}

TEST(TableImportCommandTest, DigestsAndProvenanceAreKept) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  ASSERT_EQ(RunInGroup("table", AddTableExportCommand, {"export", folder + "/t", "--out", folder + "/x.npz"})
                .exit_code,
            0);
  const std::string router(64, 'a');
  const Outcome outcome = RunInGroup("table", AddTableImportCommand,
                                     {"import", folder + "/x.npz", "--out", folder + "/again",
                                      "--router_digest", router, "--provenance", "engine: of a test"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto table = RoutingTable::Open(folder + "/again");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->header().router_digest.Hex(), router);
  EXPECT_EQ((*table)->provenance().back(), "engine: of a test");
  EXPECT_EQ(RunInGroup("table", AddTableImportCommand,
                       {"import", folder + "/x.npz", "--out", folder + "/no", "--router_digest", "abc"})
                .exit_code,
            2);
}

TEST(TableImportCommandTest, AnIdBeyondTheExpertsIsAWrongInput) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  ASSERT_EQ(RunInGroup("table", AddTableExportCommand,
                       {"export", folder + "/t", "--format", "npz", "--out", folder + "/t.npz"})
                .exit_code,
            0);
  const Outcome outcome =
      RunInGroup("table", AddTableImportCommand,
                 {"import", folder + "/t.npz", "--out", folder + "/back", "--experts", "3"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
}

}  // namespace
}  // namespace grouter
