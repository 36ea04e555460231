#include "routing/table/commands/diff.h"

#include "gtest/gtest.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MemoryFiles;

testing::RandomTableOptions OneSample() {
  testing::RandomTableOptions o;
  o.lengths = {20};
  o.header.weight_type = WeightType::kFloat32;
  return o;
}

std::shared_ptr<const RoutingTable> TableOf(const RouteBuffer& routes, const std::string& path,
                                            MemoryFiles* files) {
  TableBuilderOptions build;
  build.path = path;
  build.header = OneSample().header;
  build.index = testing::RandomIndex(OneSample());
  auto builder = *TableBuilder::Create(build, *files);
  EXPECT_TRUE(builder->AddSample({routes.view()}).ok());
  EXPECT_TRUE(builder->Finish().ok());
  EXPECT_TRUE(FinishTable(path, {}, *files).ok());
  return *RoutingTable::Open(path, *files);
}

TEST(DiffTables, EqualTablesAreEqualWhateverTheirShards) {
  testing::RandomTableOptions o = OneSample();
  o.lengths = {5, 6, 7};
  MemoryFiles files;
  const auto a = testing::MakeRandomTable(o, "a", files);
  o.num_shards = 3;
  const auto diff = DiffTables(*a, *testing::MakeRandomTable(o, "b", files));
  ASSERT_TRUE(diff.ok());
  EXPECT_TRUE(diff->equal);
  EXPECT_TRUE(diff->header_fields.empty());
}

TEST(DiffTables, CountsRoutesSetsMissingAndWeights) {
  MemoryFiles files;
  const RouteBuffer base = testing::RandomRoutes(OneSample(), 0, 0);
  const auto a = TableOf(base, "a", &files);
  RouteBuffer changed = base;
  const RouteView view = base.view();
  changed.SetId(3, 0, view.Id(3, 1));  // swapped: another order, the same set
  changed.SetId(3, 1, view.Id(3, 0));
  changed.SetMissing(5);
  uint32_t other = 0;
  while (other == view.Id(7, 0) || other == view.Id(7, 1)) ++other;
  changed.SetId(7, 0, other);
  changed.SetWeight(9, 1, 0);
  const auto diff = DiffTables(*a, *TableOf(changed, "b", &files));
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_FALSE(diff->equal);
  EXPECT_TRUE(diff->comparable);
  EXPECT_EQ(diff->num_routes, 20);
  EXPECT_EQ(diff->routes_differing, 4);
  EXPECT_EQ(diff->id_sets_differing, 2);
  EXPECT_EQ(diff->missing_differing, 1);
  EXPECT_EQ(diff->largest_relative_weight_error, 1);
  ASSERT_EQ(diff->examples.size(), 4);
  EXPECT_EQ(diff->examples[0].token, 3);
  EXPECT_NE(diff->examples[1].what.find("/ missing"), std::string::npos);
}

TEST(DiffTables, NamesHeaderFieldsAndRefusesToCompareOtherShapes) {
  MemoryFiles files;
  testing::RandomTableOptions o = OneSample();
  const auto a = testing::MakeRandomTable(o, "a", files);
  o.lengths = {21};
  o.header.causality = Causality::kCaptured;
  const auto diff = DiffTables(*a, *testing::MakeRandomTable(o, "b", files));
  EXPECT_FALSE(diff->comparable);
  EXPECT_EQ(diff->header_fields,
            (std::vector<std::string>{"sample_index_digest", "causality", "num_tokens"}));
}

}  // namespace
}  // namespace grouter
