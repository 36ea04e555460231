#include "routing/table/verify.h"

#include "gtest/gtest.h"
#include "routing/table/assemble.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MemoryFiles;
using testing::NewFolder;
using testing::RandomIndex;
using testing::RandomShape;
using testing::RandomTableOptions;

TEST(Verify, FindsNothingInASoundTableOfAnyShape) {
  Random random(11);
  for (int round = 0; round < 30; ++round) {
    const RandomTableOptions o = RandomShape(&random);
    const std::string folder = NewFolder();
    MakeRandomTable(o, folder);
    VerifyOptions options;
    options.index = RandomIndex(o);
    const auto report = VerifyTable(folder, options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->findings.empty()) << round << ": " << report->findings[0].what;
    EXPECT_EQ(report->num_samples, o.lengths.size());
  }
}

RandomTableOptions OfEveryPlane() {
  RandomTableOptions o;
  o.lengths = {3, 0, 6, 4};
  o.header.num_experts = 5;
  o.header.k = 2;
  o.header.per_token_k = true;
  o.header.weight_type = WeightType::kBFloat16;
  o.missing = 0.2;
  return o;
}

TEST(Verify, FindsEveryFlippedBit) {
  MemoryFiles files;
  MakeRandomTable(OfEveryPlane(), "t", files);
  uint64_t flips = 0;
  const std::vector<std::string> names = files.List("t").value();
  for (const std::string& name : names) {
    const std::string path = JoinPath("t", name);
    const std::string good = files.Get(path);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      files.Put(path, std::move(bad));
      const auto report = VerifyTable("t", {}, files);
      ASSERT_TRUE(report.ok()) << report.status();
      ASSERT_FALSE(report->findings.empty()) << name << " bit " << bit;
      ++flips;
    }
    files.Put(path, good);
  }
  EXPECT_GT(flips, 8 * 4096);
  EXPECT_TRUE(VerifyTable("t", {}, files)->findings.empty());
}

TEST(Verify, FindsEveryTruncation) {
  MemoryFiles files;
  MakeRandomTable(OfEveryPlane(), "t", files);
  const std::vector<std::string> names = files.List("t").value();
  for (const std::string& name : names) {
    const std::string path = JoinPath("t", name);
    const std::string good = files.Get(path);
    for (size_t size = 0; size < good.size(); ++size) {
      files.Put(path, good.substr(0, size));
      const auto report = VerifyTable("t", {}, files);
      ASSERT_TRUE(report.ok()) << report.status();
      ASSERT_FALSE(report->findings.empty()) << name << " cut to " << size;
      EXPECT_FALSE(RoutingTable::Open("t", files).ok());
    }
    files.Put(path, good);
  }
}

TEST(Verify, FindsADifferenceFromTheSampleIndex) {
  RandomTableOptions o;
  o.lengths = {3, 6};
  const std::string folder = NewFolder();
  MakeRandomTable(o, folder);
  o.lengths = {4, 5};
  VerifyOptions options;
  options.index = RandomIndex(o);
  const auto report = VerifyTable(folder, options);
  ASSERT_TRUE(report.ok());
  EXPECT_GE(report->findings.size(), 3);
}

TEST(Verify, NeedsATable) {
  EXPECT_EQ(VerifyTable(NewFolder()).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
