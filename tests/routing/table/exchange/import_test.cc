#include "routing/table/exchange/import.h"

#include "gtest/gtest.h"
#include "routing/table/exchange/npy.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::NewFolder;

// An .npz like the captured traces: ids [layers, tokens, k] uint8, seq_len int32, one array more.
std::string TinyNpz(const std::string& folder, const std::string& ids, const std::vector<int32_t>& lengths) {
  FileSystem& files = FileSystem::Local();
  EXPECT_TRUE(WriteFileAtomically(files, folder + "/i", NpyHeader(TensorType::kU8, {2, 3, 2}) + ids).ok());
  EXPECT_TRUE(
      WriteFileAtomically(files, folder + "/l",
                          NpyHeader(TensorType::kI32, {lengths.size()}) +
                              std::string(reinterpret_cast<const char*>(lengths.data()), 4 * lengths.size()))
          .ok());
  EXPECT_TRUE(WriteNpz(folder + "/t.npz",
                       {{"ids", folder + "/i"}, {"seq_len", folder + "/l"}, {"first_pos", folder + "/l"}})
                  .ok());
  return folder + "/t.npz";
}

ImportOptions Options(const std::string& input) {
  ImportOptions options;
  options.format = "npz";
  options.inputs = {input};
  options.output = NewFolder();
  return options;
}

const std::string kIds("\0\1\2\3\4\5\6\7\0\2\1\3", 12);

TEST(ImportTable, MakesAnIndexFromTheLengthsAndTakesExpertsFromTheIds) {
  ImportOptions options = Options(TinyNpz(NewFolder(), kIds, {1, 2}));
  options.autoregressive = true;
  const auto report = ImportTable(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->num_experts, 8);
  EXPECT_EQ(report->num_tokens, 3);
  const auto table = *RoutingTable::Open(options.output);
  EXPECT_EQ(table->header().num_layer_groups, 2);
  EXPECT_EQ(table->Routes(1, 1)->Id(0, 1), 2);
  EXPECT_FALSE(table->token_crcs_known());
  EXPECT_TRUE(table->header().tokenizer_digest.IsZero());
  EXPECT_EQ(table->header().causality, Causality::kCaptured);
  EXPECT_TRUE(table->header().allow_generation_capture);
  EXPECT_EQ(table->provenance()[0], "imported from: npz");
  VerifyOptions verify;
  verify.index = *SampleIndex::Open(options.output + "/sample_index");
  EXPECT_TRUE(VerifyTable(options.output, verify)->findings.empty());
}

TEST(ImportTable, TellsBothPassesHowFarTheyAre) {
  ImportOptions options = Options(TinyNpz(NewFolder(), kIds, {1, 2}));
  using Steps = std::vector<std::pair<uint64_t, uint64_t>>;
  Steps scanned, imported;
  options.scan_progress = [&](uint64_t done, uint64_t total) { scanned.push_back({done, total}); };
  options.progress = [&](uint64_t done, uint64_t total) { imported.push_back({done, total}); };
  ASSERT_TRUE(ImportTable(options).ok());
  EXPECT_EQ(scanned, (Steps{{12, 12}}));
  EXPECT_EQ(imported, (Steps{{1, 3}, {3, 3}}));
}

TEST(ImportTable, GoesOnWhereItWasInterrupted) {
  ImportOptions options = Options(TinyNpz(NewFolder(), kIds, {1, 2}));
  options.shard_tokens = 1;
  const auto first = ImportTable(options);
  ASSERT_TRUE(first.ok()) << first.status();
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(files.Remove(options.output + "/MANIFEST").ok());
  ASSERT_TRUE(files.Remove(options.output + "/000000000001-000000000001.shard").ok());
  uint64_t calls = 0;
  options.progress = [&](uint64_t, uint64_t) { ++calls; };
  EXPECT_EQ(ImportTable(options)->content_digest, first->content_digest);
  EXPECT_EQ(calls, 1);  // only the missing shard's sample was read again
}

TEST(ImportTable, SaysWhichSampleAndTokenIsWrong) {
  std::string ids = kIds;
  ids[5] = 9;  // layer 0, token 2: sample 1, token 1
  ImportOptions options = Options(TinyNpz(NewFolder(), ids, {1, 2}));
  options.num_experts = 8;
  const absl::Status status = ImportTable(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("sample 1, layer group 0: an expert id is not below 8 (token 1)"),
            absl::string_view::npos)
      << status;
  EXPECT_FALSE(FileSystem::Local().Exists(options.output + "/MANIFEST"));
}

TEST(ImportTable, RefusesAnIndexOfOtherLengthsAndPointsToTheChecker) {
  ImportOptions options = Options(TinyNpz(NewFolder(), kIds, {1, 2}));
  options.index = *SampleIndex::FromLengths({2, 1}, {});
  const absl::Status status = ImportTable(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("grouter table align"), absl::string_view::npos) << status;
}

TEST(ImportTable, RefusesUnknownFormatsMissingFilesAndWeightsThatAreNotThere) {
  ImportOptions options = Options("/no/such/file");
  EXPECT_EQ(ImportTable(options).status().code(), absl::StatusCode::kNotFound);
  options.format = "pickle";
  EXPECT_EQ(ImportTable(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options(TinyNpz(NewFolder(), kIds, {3}));
  options.weight_type = WeightType::kBFloat16;
  EXPECT_EQ(ImportTable(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.inputs.clear();
  EXPECT_EQ(ImportTable(options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
