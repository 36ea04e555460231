// The bytes of a small table as format 1.0 wrote them: today's writer gives the same, today's reader reads
// them. A difference means a new format version, not a new golden file.
#include <string>

#include "gtest/gtest.h"
#include "routing/table/routing_table.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

constexpr char kGolden[] = "tests/golden/table";

testing::RandomTableOptions GoldenTable() {
  testing::RandomTableOptions o;
  o.lengths = {7, 0, 12, 3, 9};
  o.header.num_experts = 300;
  o.header.k = 3;
  o.header.per_token_k = true;
  o.header.num_layer_groups = 2;
  o.header.weight_type = WeightType::kBFloat16;
  o.header.router_digest = Sha256("a router");
  o.header.eod_token = 2;
  o.missing = 0.2;
  o.num_shards = 2;
  return o;
}

TEST(TableGolden, TodaysWriterGivesTheGoldenBytes) {
  const std::string folder = testing::NewFolder();
  testing::MakeRandomTable(GoldenTable(), folder);
  FileSystem& files = FileSystem::Local();
  const auto names = files.List(kGolden);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(*names, *files.List(folder));
  for (const std::string& name : *names) {
    EXPECT_TRUE(*files.ReadFile(JoinPath(folder, name)) == *files.ReadFile(JoinPath(kGolden, name))) << name;
  }
}

TEST(TableGolden, TodaysReaderReadsTheGoldenBytes) {
  const auto table = RoutingTable::Open(kGolden);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(VerifyTable(kGolden)->findings.empty());
  EXPECT_EQ((*table)->num_tokens(), 31);
  for (uint64_t s = 0; s < 5; ++s) {
    for (uint32_t group = 0; group < 2; ++group) {
      const RouteBuffer expected = testing::RandomRoutes(GoldenTable(), s, group);
      const auto routes = (*table)->CheckedRoutes(s, group);
      ASSERT_TRUE(routes.ok()) << routes.status();
      for (uint32_t t = 0; t < routes->num_tokens; ++t) {
        ASSERT_EQ(routes->NumTopk(t), expected.view().NumTopk(t));
        for (uint32_t i = 0; i < routes->NumTopk(t); ++i)
          EXPECT_EQ(routes->Id(t, i), expected.view().Id(t, i));
      }
    }
  }
}

}  // namespace
}  // namespace grouter
