#include "routing/table/packed/rewrite_shard.h"

#include "gtest/gtest.h"
#include "io/error.h"
#include "routing/table/format.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MemoryFiles;
using testing::RandomTableOptions;

struct Fixture {
  MemoryFiles files;
  std::string path;
  std::shared_ptr<const Shard> shard;
  ShardRewrite same;

  Fixture() {
    RandomTableOptions o;
    o.header.num_layer_groups = 2;
    o.header.weight_type = WeightType::kFloat16;
    o.lengths = {30, 0, 7};
    o.missing = 0.3;
    MakeRandomTable(o, "t", files);
    path = "t/" + ShardName(0, 3);
    shard = Shard::Open(path, files).value();
    same.tier = TableTier::kPlain;
    same.identity = std::string(shard->identity());
    same.payload = [this](uint64_t sample, uint32_t group) -> absl::StatusOr<absl::string_view> {
      return shard->record(sample, group)->payload;
    };
    same.leaf = [this](uint64_t sample) -> absl::StatusOr<Digest> { return shard->leaf(sample); };
  }
};

TEST(RewriteShard, TheSamePayloadsGiveTheSameFileAsTheBuilder) {
  Fixture f;
  ASSERT_TRUE(RewriteShard(*f.shard, f.same, "copy", f.files).ok());
  EXPECT_TRUE(f.files.Get("copy") == f.files.Get(f.path));
}

TEST(RewriteShard, APackedShardHasItsCodecAndItsOwnRecords) {
  Fixture f;
  ShardRewrite rewrite = f.same;
  rewrite.tier = TableTier::kPacked;
  rewrite.codec = "the code";
  rewrite.payload = [](uint64_t sample, uint32_t group) -> absl::StatusOr<absl::string_view> {
    return absl::string_view("0123456789abcdef", sample == 1 ? 0 : 8 + 8 * group);
  };
  ASSERT_TRUE(RewriteShard(*f.shard, rewrite, "packed", f.files).ok());
  const auto packed = Shard::Open("packed", f.files);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ((*packed)->SectionBytes(SectionKind::kCodec), "the code");
  for (uint64_t s = 0; s < 3; ++s) {
    for (uint32_t g = 0; g < 2; ++g) {
      const auto record = (*packed)->record(s, g);
      ASSERT_TRUE(record.ok()) << record.status();
      EXPECT_EQ(record->payload, *rewrite.payload(s, g));
      EXPECT_EQ(record->has_missing, f.shard->record(s, g)->has_missing);
      EXPECT_TRUE((*packed)->CheckRecord(s, g, *record).ok());
    }
  }
}

TEST(RewriteShard, AnErrorLeavesNoFile) {
  Fixture f;
  ShardRewrite rewrite = f.same;
  rewrite.leaf = [](uint64_t) -> absl::StatusOr<Digest> { return absl::DataLossError("not the routes"); };
  EXPECT_EQ(RewriteShard(*f.shard, rewrite, "none", f.files).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(f.files.Exists("none"));
}

}  // namespace
}  // namespace grouter
