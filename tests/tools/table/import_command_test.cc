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
