#include "routing/table/commands/slice.h"

#include "gtest/gtest.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TEST(SliceTable, HoldsTheRoutesOfItsSamplesAndLayerGroups) {
  testing::RandomTableOptions o;
  o.lengths = {5, 6, 7, 8, 9, 10, 11, 12};
  o.header.num_layer_groups = 3;
  o.header.weight_type = WeightType::kFloat16;
  o.missing = 0.1;
  const auto table = testing::MakeRandomTable(o, testing::NewFolder());
  SliceOptions options;
  options.first_sample = 4;
  options.num_samples = 3;
  options.first_layer_group = 1;
  options.num_layer_groups = 2;
  options.output = testing::NewFolder();
  const auto digest = SliceTable(*table, options);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_TRUE(VerifyTable(options.output)->findings.empty());
  const auto slice = *RoutingTable::Open(options.output);
  EXPECT_EQ(slice->content_digest(), *digest);
  ASSERT_EQ(slice->num_samples(), 3);
  EXPECT_EQ(slice->header().splits.size(), 2);  // samples 4, 5 are train, 6 is valid
  EXPECT_EQ(slice->header().splits[1].num_samples, 1);
  for (uint64_t s = 0; s < 3; ++s) {
    for (uint32_t group = 0; group < 2; ++group) {
      EXPECT_EQ(slice->Routes(s, group)->ids, table->Routes(4 + s, 1 + group)->ids);
      EXPECT_EQ(slice->Routes(s, group)->weights, table->Routes(4 + s, 1 + group)->weights);
      EXPECT_EQ(slice->Routes(s, group)->missing, table->Routes(4 + s, 1 + group)->missing);
    }
  }
}

TEST(SliceTable, RefusesRangesOutsideTheTable) {
  testing::RandomTableOptions o;
  o.lengths = {5, 6};
  const auto table = testing::MakeRandomTable(o, testing::NewFolder());
  SliceOptions options;
  options.output = testing::NewFolder();
  options.first_sample = 2;
  EXPECT_EQ(SliceTable(*table, options).status().code(), absl::StatusCode::kOutOfRange);
  options.first_sample = 0;
  options.first_layer_group = 1;
  EXPECT_EQ(SliceTable(*table, options).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace grouter
