#include "routing/table/packed/pack_table.h"

#include <cmath>

#include "gtest/gtest.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/weights.h"
#include "tests/routing/table/packed/token_table.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MakeTokenTable;
using testing::MemoryFiles;
using testing::NewFolder;
using testing::RandomShape;
using testing::RandomTableOptions;
using testing::TokenTableOptions;

TEST(PackTable, ThereAndBackGivesTheSameDigestAndFilesForAnyShape) {
  Random random(5);
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(round);
    MemoryFiles files;
    const auto table = MakeRandomTable(RandomShape(&random), "t", files);
    files.Put("t/sample_index", "beside the shards");
    PackOptions options;
    options.output = "p";
    options.sample_classes = round % 2 == 0;
    const auto packed = PackTable("t", options, files);
    ASSERT_TRUE(packed.ok()) << packed.status();
    EXPECT_EQ(packed->content_digest, table->content_digest());
    EXPECT_EQ(RoutingTable::Open("p", files).value()->tier(), TableTier::kPacked);
    const auto report = VerifyTableOfAnyTier("p", {}, {}, files);
    ASSERT_TRUE(report.ok() && report->findings.empty()) << report->findings[0].what;
    const auto digest = UnpackTable("p", "u", {}, {}, files);
    ASSERT_TRUE(digest.ok()) << digest.status();
    const std::vector<std::string> names = files.List("t").value();
    ASSERT_EQ(files.List("u").value(), names);
    for (const std::string& name : names)
      EXPECT_TRUE(files.Get(JoinPath("u", name)) == files.Get(JoinPath("t", name))) << name;
  }
}

TEST(PackTable, ATableBesideItsTokensIsSmallAndComesBack) {
  const std::string folder = NewFolder();
  const TokenFiles tokens = MakeTokenTable({}, folder, FileSystem::Local());
  PackOptions options;
  options.tokens = tokens;
  options.output = folder + "/packed";
  const auto packed = PackTable(folder + "/plain", options);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_LT(packed->packed_bytes, packed->plain_bytes * 0.7);
  EXPECT_EQ(UnpackTable(folder + "/packed", folder + "/u", tokens).value(), packed->content_digest);
  EXPECT_EQ(UnpackTable(folder + "/packed", folder + "/v", {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PackTable, ALossyTableKeepsItsBoundAndNamesItsParent) {
  const std::string folder = NewFolder();
  const TokenFiles tokens = MakeTokenTable({}, folder, FileSystem::Local());
  PackOptions options;
  options.tokens = tokens;
  options.output = folder + "/lossless";
  const PackReport lossless = PackTable(folder + "/plain", options).value();
  options.output = folder + "/lossy";
  options.max_weight_error = 0.022;
  options.sample_classes = true;
  const auto lossy = PackTable(folder + "/plain", options);
  ASSERT_TRUE(lossy.ok()) << lossy.status();
  EXPECT_LT(lossy->packed_bytes, lossless.packed_bytes * 0.9);
  EXPECT_NE(lossy->content_digest, lossless.content_digest);
  EXPECT_TRUE(VerifyTableOfAnyTier(folder + "/lossy", {}, tokens)->findings.empty());
  const auto plain = RoutingTable::Open(folder + "/plain").value();
  const auto rounded = OpenTableOfAnyTier(folder + "/lossy", tokens).value();
  EXPECT_EQ(rounded->header().parent_digest, lossless.content_digest);
  EXPECT_NE(rounded->provenance().back().find("largest relative error 0.022"), std::string::npos);
  for (uint64_t s = 0; s < plain->num_samples(); ++s) {
    const RouteView a = plain->Routes(s, 0).value(), b = rounded->Routes(s, 0).value();
    EXPECT_TRUE(a.ids == b.ids);
    for (size_t i = 0; i < size_t{a.num_tokens} * a.k; ++i) {
      const double w = WeightAt(a.weights, a.weight_type, i);
      ASSERT_LE(std::abs(WeightAt(b.weights, b.weight_type, i) - w), 0.022 * w);
    }
  }
}

TEST(PackTable, GoesOnWhereItWasCut) {
  Random random(6);
  MemoryFiles files;
  RandomTableOptions o;
  o.lengths = {30, 40, 50, 60};
  o.num_shards = 2;
  MakeRandomTable(o, "t", files);
  PackOptions options;
  options.output = "p";
  const PackReport whole = PackTable("t", options, files).value();
  const std::vector<std::string> names = files.List("p").value();
  const std::string kept = files.Get(JoinPath("p", names[0]));
  ASSERT_TRUE(files.Remove("p/MANIFEST").ok());
  ASSERT_TRUE(files.Remove(JoinPath("p", names[1])).ok());
  files.Put(JoinPath("p", names[1] + ".tmp.1.1"), "half");
  EXPECT_FALSE(RoutingTable::Open("p", files).ok());
  EXPECT_EQ(PackTable("t", options, files)->content_digest, whole.content_digest);
  EXPECT_EQ(files.List("p").value(), names);
  EXPECT_TRUE(files.Get(JoinPath("p", names[0])) == kept);
}

TEST(PackTable, KilledAtAnyWriteItGoesOnToTheSameTables) {
  RandomTableOptions o;
  o.lengths = {30, 40, 50, 60};
  o.num_shards = 2;
  PackOptions options;
  options.output = "p";
  const auto run = [&](MemoryFiles& files) -> absl::Status {
    GROUTER_RETURN_IF_ERROR(PackTable("t", options, files).status());
    return UnpackTable("p", "u", {}, {}, files).status();
  };
  uint64_t calls = 0;
  for (uint64_t kill = 0;; ++kill) {
    MemoryFiles files;
    const Digest digest = MakeRandomTable(o, "t", files)->content_digest();
    files.DieAt(kill);
    const absl::Status status = run(files);
    const bool died = files.died();
    EXPECT_EQ(status.ok(), !died);
    files.Revive();
    // A manifest that is there is that of a whole table.
    for (const std::string folder : {"p", "u"}) {
      if (!files.Exists(folder + "/MANIFEST")) continue;
      EXPECT_TRUE(VerifyTableOfAnyTier(folder, {}, {}, files)->findings.empty()) << kill;
    }
    ASSERT_TRUE(run(files).ok()) << "killed at call " << kill;
    for (const std::string folder : {"p", "u"}) {
      EXPECT_EQ(RoutingTable::Open(folder, files).value()->content_digest(), digest);
      EXPECT_EQ(files.List(folder)->size(), 3) << "something is left behind by the kill at call " << kill;
    }
    EXPECT_TRUE(VerifyTable("t", {}, files)->findings.empty());
    calls = kill;
    if (!died) break;
  }
  EXPECT_GT(calls, 20);
}

TEST(PackTable, AFullDiskIsAnErrorThatLeavesNoHalfTable) {
  RandomTableOptions o;
  o.lengths = {3000, 2000};
  MemoryFiles files;
  MakeRandomTable(o, "t", files);
  PackOptions options;
  options.output = "p";
  uint64_t used = 0;
  const std::vector<std::string> names = files.List("t").value();
  for (const std::string& name : names) used += files.Get(JoinPath("t", name)).size();
  for (uint64_t more : {0, 4096, 6000}) {
    files.SetCapacity(used + more);
    EXPECT_EQ(PackTable("t", options, files).status().code(), absl::StatusCode::kResourceExhausted) << more;
    EXPECT_TRUE(files.List("p")->empty());
  }
}

TEST(PackTable, PackedTablesMergeByLinks) {
  MemoryFiles files;
  RandomTableOptions o;
  o.lengths = {30, 40, 50, 60};
  o.num_shards = 2;
  const Digest digest = MakeRandomTable(o, "t", files)->content_digest();
  PackOptions options;
  options.output = "p";
  ASSERT_TRUE(PackTable("t", options, files).ok());
  EXPECT_EQ(MergeTables({"p"}, "m", {}, files).value(), digest);
  EXPECT_FALSE(MergeTables({"p", "t"}, "n", {}, files).ok());
}

TEST(PackTable, RefusesWhatItCannotDo) {
  MemoryFiles files;
  RandomTableOptions o;
  o.lengths = {30};
  MakeRandomTable(o, "t", files);
  PackOptions options;
  options.output = "p";
  options.max_weight_error = 0.1;  // the table has no weights
  EXPECT_EQ(PackTable("t", options, files).status().code(), absl::StatusCode::kInvalidArgument);
  options.max_weight_error = 0;
  ASSERT_TRUE(PackTable("t", options, files).ok());
  options.output = "q";
  EXPECT_EQ(PackTable("p", options, files).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(UnpackTable("t", "q", {}, {}, files).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(PackTable("nothing", options, files).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
