// The ten lines that README.md and docs/table_format.md show: compiled, run, and the same as on the pages.
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "routing/table/routing_table.h"
#include "tests/testing/tables/random_table.h"

// Last: it uses what stands above, as the page says.
#include "tests/routing/table/ten_lines.inc"

namespace grouter {
namespace {

TEST(TenLines, ReadATable) {
  testing::RandomTableOptions o;
  o.lengths = {3, 0, 4};
  const std::string folder = testing::NewFolder();
  testing::MakeRandomTable(o, folder);
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(PrintFirstTokens(folder), 0);
  std::string expected;
  for (uint64_t s = 0; s < 3; ++s) {
    const RouteBuffer routes = testing::RandomRoutes(o, s, 0);
    for (uint32_t i = 0; s != 1 && i < 2; ++i) expected += std::to_string(routes.view().Id(0, i)) + " ";
    expected += "\n";
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), expected);
  EXPECT_EQ(PrintFirstTokens("/no/such/table"), 2);
}

TEST(TenLines, AreTheOnesOnThePages) {
  FileSystem& files = FileSystem::Local();
  for (const char* path : {"docs/table_format.md", "README.md"}) {
    const auto page = files.ReadFile(path);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_NE(page->find(files.ReadFile("tests/routing/table/ten_lines.inc").value()), std::string::npos)
        << path;
  }
}

}  // namespace
}  // namespace grouter
