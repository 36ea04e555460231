#include "routing/table/shard.h"

#include "gtest/gtest.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MemoryFiles;

constexpr char kPath[] = "t/000000000000-000000000003.shard";

void MakeShard(MemoryFiles* files) {
  testing::RandomTableOptions o;
  o.lengths = {30, 0, 20};
  o.header.num_layer_groups = 2;
  testing::MakeRandomTable(o, "t", *files);
}

TEST(Shard, GivesRecordsInOrderWithoutHoles) {
  MemoryFiles files;
  MakeShard(&files);
  const auto shard = Shard::Open(kPath, files);
  ASSERT_TRUE(shard.ok()) << shard.status();
  uint64_t next = kHeaderPageBytes;
  for (uint64_t s = 0; s < 3; ++s) {
    for (uint32_t group = 0; group < 2; ++group) {
      const auto record = (*shard)->record(s, group);
      ASSERT_TRUE(record.ok()) << record.status();
      EXPECT_EQ(record->offset, next);
      EXPECT_TRUE((*shard)->CheckRecord(s, group, *record).ok());
      next += record->layout.bytes;
    }
  }
}

TEST(Shard, DamagedOffsetsAreErrorsNotWildReads) {
  MemoryFiles files;
  MakeShard(&files);
  const std::string good = files.Get(kPath);
  const uint64_t offsets = (*Shard::Open(kPath, files))->header().Find(SectionKind::kOffsets)->offset;
  for (size_t bit = 0; bit < 7 * 64; ++bit) {
    std::string bad = good;
    bad[offsets + bit / 8] ^= static_cast<char>(1 << (bit % 8));
    files.Put(kPath, bad);
    const auto shard = Shard::Open(kPath, files);
    ASSERT_TRUE(shard.ok());
    EXPECT_FALSE((*shard)->CheckSection(*(*shard)->header().Find(SectionKind::kOffsets)).ok());
    for (uint64_t s = 0; s < 3; ++s) {
      for (uint32_t group = 0; group < 2; ++group) {
        const auto record = (*shard)->record(s, group);
        if (record.ok()) (*shard)->CheckRecord(s, group, *record).IgnoreError();
      }
    }
  }
}

TEST(Shard, NamesTheFileWhenItIsNotAShard) {
  MemoryFiles files;
  files.Put("x.shard", std::string(5000, 'x'));
  const absl::Status status = Shard::Open("x.shard", files).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("x.shard"), absl::string_view::npos);
  files.Put("y.shard", "");
  EXPECT_EQ(Shard::Open("y.shard", files).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
