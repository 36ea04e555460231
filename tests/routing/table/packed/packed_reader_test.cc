#include "routing/table/packed/packed_reader.h"

#include "gtest/gtest.h"
#include "routing/table/packed/pack_table.h"
#include "tests/routing/table/packed/token_table.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MakeTokenTable;
using testing::MemoryFiles;
using testing::NewFolder;
using testing::RandomTableOptions;
using testing::TokenTableOptions;

TEST(OpenTableOfAnyTier, ReadsEveryRecordOfAPackedTableAsThePlainOneHasIt) {
  const std::string folder = NewFolder();
  FileSystem& files = FileSystem::Local();
  TokenTableOptions o;
  o.header.num_layer_groups = 2;
  const TokenFiles tokens = MakeTokenTable(o, folder, files);
  PackOptions options;
  options.output = folder + "/packed";
  options.tokens = tokens;
  ASSERT_TRUE(PackTable(folder + "/plain", options).ok());
  const auto plain = OpenTableOfAnyTier(folder + "/plain", {}).value();
  const auto packed = OpenTableOfAnyTier(folder + "/packed", tokens);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ((*packed)->tier(), TableTier::kPacked);
  for (uint64_t s = 0; s < plain->num_samples(); ++s) {
    // Views of one sample live side by side.
    const RouteView a = (*packed)->Routes(s, 0).value(), b = (*packed)->CheckedRoutes(s, 1).value();
    EXPECT_TRUE(a.ids == plain->Routes(s, 0)->ids && a.weights == plain->Routes(s, 0)->weights);
    EXPECT_TRUE(b.ids == plain->Routes(s, 1)->ids && b.weights == plain->Routes(s, 1)->weights);
  }
  EXPECT_EQ((*packed)->Routes(99, 0).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(OpenTableOfAnyTier, ATokenConditionedTableRefusesOtherTokensOrNone) {
  const std::string folder = NewFolder();
  FileSystem& files = FileSystem::Local();
  const TokenFiles tokens = MakeTokenTable({}, folder, files);
  TokenTableOptions other;
  other.seed = 2;
  const TokenFiles wrong = MakeTokenTable(other, folder + "/other", files);
  PackOptions options;
  options.output = folder + "/packed";
  options.tokens = tokens;
  ASSERT_TRUE(PackTable(folder + "/plain", options).ok());
  EXPECT_EQ(OpenTableOfAnyTier(folder + "/packed", {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenTableOfAnyTier(folder + "/packed", wrong).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(VerifyTableOfAnyTier(folder + "/packed", {}, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(OpenTableOfAnyTier, ADamagedRecordIsDataLossWithFileAndByte) {
  MemoryFiles files;
  RandomTableOptions o;
  o.lengths = {100, 100};
  MakeRandomTable(o, "t", files);
  PackOptions options;
  options.output = "p";
  ASSERT_TRUE(PackTable("t", options, files).ok());
  const std::string path = "p/" + files.List("p").value()[0];
  std::string bytes = files.Get(path);
  bytes[4096 + 5] ^= 1;
  files.Put(path, bytes);
  const auto table = OpenTableOfAnyTier("p", {}, files);
  ASSERT_TRUE(table.ok()) << table.status();
  const absl::Status status = (*table)->Routes(0, 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(path + " at byte 4096"), absl::string_view::npos) << status;
  EXPECT_TRUE((*table)->Routes(1, 0).ok());
}

TEST(VerifyTableOfAnyTier, FindsEveryFlippedBitOfAPackedTable) {
  MemoryFiles files;
  RandomTableOptions o;
  o.lengths = {5, 0, 9};
  o.header.num_experts = 5;
  o.header.per_token_k = true;
  o.header.weight_type = WeightType::kBFloat16;
  o.missing = 0.2;
  MakeRandomTable(o, "t", files);
  PackOptions options;
  options.output = "p";
  ASSERT_TRUE(PackTable("t", options, files).ok());
  EXPECT_TRUE(VerifyTableOfAnyTier("p", {}, {}, files)->findings.empty());
  const std::vector<std::string> names = files.List("p").value();
  for (const std::string& name : names) {
    const std::string path = JoinPath("p", name);
    const std::string good = files.Get(path);
    // The header page has its own test; of it a few bits are enough.
    for (size_t bit = 0; bit < 8 * good.size(); bit += bit < 8 * 4096 ? 37 : 1) {
      std::string bad = good;
      bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      files.Put(path, std::move(bad));
      const auto report = VerifyTableOfAnyTier("p", {}, {}, files);
      ASSERT_TRUE(report.ok()) << report.status();
      ASSERT_FALSE(report->findings.empty()) << name << " bit " << bit;
    }
    files.Put(path, good);
  }
}

}  // namespace
}  // namespace grouter
