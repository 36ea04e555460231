#include "routing/table/packed/pack_table.h"
#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableUnpackCommandTest, GivesThePlainTableBack) {
  const std::string folder = FreshFolder();
  const auto plain = MakeSmallTable(folder + "/t");
  PackOptions options;
  options.output = folder + "/p";
  ASSERT_TRUE(PackTable(folder + "/t", options).ok());
  const Outcome outcome =
      RunInGroup("table", AddTableUnpackCommand, {"unpack", folder + "/p", "--out", folder + "/u", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto again = RoutingTable::Open(folder + "/u").value();
  EXPECT_EQ(again->tier(), TableTier::kPlain);
  EXPECT_EQ(again->content_digest(), plain->content_digest());
}

TEST(TableUnpackCommandTest, APlainTableIsAWrongInput) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  EXPECT_EQ(
      RunInGroup("table", AddTableUnpackCommand, {"unpack", folder + "/t", "--out", folder + "/u"}).exit_code,
      2);
}

}  // namespace
}  // namespace grouter
