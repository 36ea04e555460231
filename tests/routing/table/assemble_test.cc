#include "routing/table/assemble.h"

#include "gtest/gtest.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MemoryFiles;
using testing::RandomIndex;
using testing::RandomShape;
using testing::RandomTableOptions;
using testing::WriteRandomShard;

RandomTableOptions FiveSamples() {
  RandomTableOptions o;
  o.lengths = {5, 6, 7, 8, 9};
  return o;
}

TEST(Assemble, TheContentDigestDoesNotDependOnShardingOrOrder) {
  Random random(3);
  for (int round = 0; round < 12; ++round) {
    RandomTableOptions o = RandomShape(&random);
    MemoryFiles files;
    o.num_shards = 1;
    const Digest one = MakeRandomTable(o, "one", files)->content_digest();
    o.num_shards = 3;
    EXPECT_EQ(MakeRandomTable(o, "three", files)->content_digest(), one);
    // Shards made by separate jobs, last first, in folders of their own, then merged.
    const uint64_t n = o.lengths.size();
    ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), n / 2, n - n / 2, "b", files).ok());
    ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, n / 2, "a", files).ok());
    const auto merged = MergeTables({"b", "a"}, "merged", {"merged"}, files);
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_EQ(*merged, one);
    EXPECT_TRUE(VerifyTable("merged", {}, files)->findings.empty());
  }
}

TEST(Assemble, TheContentDigestDependsOnRoutesAndMeaning) {
  MemoryFiles files;
  const RandomTableOptions o = FiveSamples();
  const Digest digest = MakeRandomTable(o, "a", files)->content_digest();
  RandomTableOptions other = o;
  other.header.causality = Causality::kPackedBidirectional;
  EXPECT_NE(MakeRandomTable(other, "b", files)->content_digest(), digest);
  other = o;
  other.header.router_digest = Sha256("router");
  EXPECT_NE(MakeRandomTable(other, "c", files)->content_digest(), digest);
  other = o;
  other.skew = 1;
  EXPECT_NE(MakeRandomTable(other, "d", files)->content_digest(), digest);
}

TEST(Assemble, IsNotATableUntilEverySampleIsThere) {
  MemoryFiles files;
  const RandomTableOptions o = FiveSamples();
  EXPECT_EQ(FinishTable("t", {}, files).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 2, "t", files).ok());
  EXPECT_EQ(FinishTable("t", {}, files).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 3, 2, "t", files).ok());
  const absl::Status hole = FinishTable("t", {}, files).status();
  EXPECT_NE(hole.message().find("samples are missing: 2 to 3"), absl::string_view::npos) << hole;
  EXPECT_FALSE(files.Exists("t/MANIFEST"));
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 2, 1, "t", files).ok());
  EXPECT_TRUE(FinishTable("t", {}, files).ok());
}

TEST(Assemble, RefusesOverlappingShards) {
  MemoryFiles files;
  const RandomTableOptions o = FiveSamples();
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 3, "t", files).ok());
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 2, 3, "t", files).ok());
  const absl::Status status = FinishTable("t", {}, files).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("shards overlap: 2 to 3"), absl::string_view::npos) << status;
}

TEST(Assemble, RefusesShardsOfDifferentTables) {
  MemoryFiles files;
  RandomTableOptions o = FiveSamples();
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 2, "a", files).ok());
  o.header.router_digest = Sha256("another");
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 2, 3, "b", files).ok());
  EXPECT_EQ(MergeTables({"a", "b"}, "m", {}, files).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Assemble, MergingTwiceChangesNothing) {
  MemoryFiles files;
  const RandomTableOptions o = FiveSamples();
  MakeRandomTable(o, "a", files);
  const Digest first = *MergeTables({"a"}, "m", {}, files);
  EXPECT_EQ(*MergeTables({"a"}, "m", {}, files), first);
}

TEST(Assemble, TheSampleIndexBesideTheShardsComesAlong) {
  MemoryFiles files;
  const RandomTableOptions o = FiveSamples();
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 3, "a", files).ok());
  ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 3, 2, "b", files).ok());
  files.Put("b/sample_index", "the index");
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(MergeTables({"a", "b"}, "m", {}, files).ok());
    EXPECT_EQ(files.Get("m/sample_index"), "the index");
  }
  // A merge that fails leaves none.
  RandomTableOptions other = o;
  other.header.router_digest = Sha256("another");
  ASSERT_TRUE(WriteRandomShard(other, RandomIndex(o), 0, 3, "c", files).ok());
  EXPECT_FALSE(MergeTables({"b", "c"}, "n", {}, files).ok());
  EXPECT_FALSE(files.Exists("n/sample_index"));
}

TEST(Assemble, AMergeKilledAtAnyWriteGoesOnToTheSameTable) {
  const RandomTableOptions o = FiveSamples();
  uint64_t calls = 0;
  for (uint64_t kill = 0;; ++kill) {
    MemoryFiles files;
    ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 3, 2, "b", files).ok());
    ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 3, "a", files).ok());
    const Digest whole = *MergeTables({"a", "b"}, "whole", {}, files);
    files.DieAt(kill);
    const absl::Status status = MergeTables({"a", "b"}, "m", {}, files).status();
    const bool died = files.died();
    EXPECT_EQ(status.ok(), !died);
    files.Revive();
    if (files.Exists("m/MANIFEST")) {
      EXPECT_TRUE(VerifyTable("m", {}, files)->findings.empty()) << kill;
    }
    const auto again = MergeTables({"a", "b"}, "m", {}, files);
    ASSERT_TRUE(again.ok()) << "killed at call " << kill << ": " << again.status();
    EXPECT_EQ(*again, whole);
    EXPECT_EQ(files.List("m")->size(), 3) << "something is left behind by the kill at call " << kill;
    calls = kill;
    if (!died) break;
  }
  EXPECT_GT(calls, 3);
}

TEST(Assemble, MergingTellsHowManyShardsAreDone) {
  MemoryFiles files;
  RandomTableOptions o = FiveSamples();
  o.num_shards = 2;
  MakeRandomTable(o, "a", files);
  std::vector<uint64_t> done;
  ASSERT_TRUE(MergeTables({"a"}, "m", {}, files, [&](uint64_t n, uint64_t total) {
                EXPECT_EQ(total, 2);
                done.push_back(n);
              }).ok());
  EXPECT_EQ(done, (std::vector<uint64_t>{0, 1, 1, 2}));
}

}  // namespace
}  // namespace grouter
