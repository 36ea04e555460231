#include "data/sample_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/data/failing_files.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

TEST(SampleIndexFromLengths, MakesOneSamplePerLength) {
  const auto index = SampleIndex::FromLengths({5, 1, 0, 7}, {{"train", 0, 3, 0, 0}, {"valid", 3, 1, 0, 0}});
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ((*index)->num_samples(), 4u);
  EXPECT_EQ((*index)->num_tokens(), 13u);
  EXPECT_EQ((*index)->rules().packing, SampleIndexRules::Packing::kFromLengths);
  EXPECT_EQ((*index)->rules().sequence_length, 7u);
  EXPECT_FALSE((*index)->token_crcs_known());
  EXPECT_TRUE((*index)->tokenizer_digest().IsZero());
  EXPECT_TRUE((*index)->dataset_digest().IsZero());
  const uint32_t loss_tokens[] = {4, 0, 0, 6};
  for (uint64_t i = 0; i < 4; ++i) {
    const Sample sample = (*index)->sample(i);
    EXPECT_EQ(sample.num_loss_tokens, loss_tokens[i]);
    EXPECT_FALSE(sample.label_after.has_value());
  }
  EXPECT_EQ((*index)->sample(3).ranges[0], (TokenRange{3, 0, 7}));
  EXPECT_TRUE((*index)->sample(2).ranges.empty());
  EXPECT_EQ((*index)->FindSplit("train")->num_tokens, 6u);
  EXPECT_EQ((*index)->FindSplit("valid")->num_loss_tokens, 6u);
  EXPECT_EQ((*index)->FindSplit("test"), nullptr);
}

TEST(SampleIndexFromLengths, WithoutSplitsAllIsTrain) {
  const auto index = SampleIndex::FromLengths({3, 4}, {});
  ASSERT_TRUE(index.ok());
  ASSERT_NE((*index)->FindSplit("train"), nullptr);
  EXPECT_EQ((*index)->FindSplit("train")->num_samples, 2u);
  EXPECT_TRUE(SampleIndex::FromLengths({}, {}).ok());
}

TEST(SampleIndexFromLengths, RefusesSplitsThatDoNotCoverTheSamples) {
  const auto code_for = [](const std::vector<DataSplit>& splits) {
    return SampleIndex::FromLengths({5, 6, 7}, splits).status().code();
  };
  EXPECT_EQ(code_for({{"a", 0, 2, 0, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for({{"a", 0, 4, 0, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for({{"a", 1, 2, 0, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for({{"a", 0, 2, 0, 0}, {"b", 1, 2, 0, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for({{"a", 0, 2, 0, 0}, {"a", 2, 1, 0, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for({{"a", 0, 2, 0, 0}, {"b", 2, 1, 0, 0}}), absl::StatusCode::kOk);
}

TEST(SampleIndex, ASavedIndexIsTheSameIndex) {
  const std::string path = ::testing::TempDir() + "/saved.gsi";
  const auto made = SampleIndex::FromLengths({5, 1, 9}, {});
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE((*made)->Save(path).ok());
  const auto opened = SampleIndex::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->digest(), (*made)->digest());
  EXPECT_EQ((*opened)->domains(), (*made)->domains());
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*opened)->sample(i).length, (*made)->sample(i).length);
    EXPECT_EQ((*opened)->sample(i).ranges, (*made)->sample(i).ranges);
  }
  ASSERT_TRUE((*opened)->Save(path + ".again").ok());
  EXPECT_EQ(*FileSystem::Local().ReadFile(path), *FileSystem::Local().ReadFile(path + ".again"));
}

TEST(SampleIndex, DigestFollowsTheContent) {
  const Digest digest = (*SampleIndex::FromLengths({5, 1}, {}))->digest();
  EXPECT_EQ((*SampleIndex::FromLengths({5, 1}, {}))->digest(), digest);
  EXPECT_NE((*SampleIndex::FromLengths({1, 5}, {}))->digest(), digest);
  EXPECT_NE((*SampleIndex::FromLengths({5, 1}, {{"test", 0, 2, 0, 0}}))->digest(), digest);
}

TEST(SampleIndex, OpenNamesTheFileThatIsNoIndex) {
  const std::string path = ::testing::TempDir() + "/other";
  for (const char* bytes : {"", "x", "some other file, longer than any header that an index may have"}) {
    ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path, bytes).ok());
    const auto opened = SampleIndex::Open(path);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr(path));
  }
  EXPECT_EQ(SampleIndex::Open(path + ".missing").status().code(), absl::StatusCode::kNotFound);
}

TEST(SampleIndex, AFullDiskLeavesTheOldFile) {
  const std::string path = ::testing::TempDir() + "/full.gsi";
  const auto old_index = SampleIndex::FromLengths({1}, {}), new_index = SampleIndex::FromLengths({2}, {});
  ASSERT_TRUE((*old_index)->Save(path).ok());
  FailingFiles counting(-1);
  ASSERT_TRUE((*old_index)->Save(path, counting).ok());
  for (int64_t fail_at = 0; fail_at < counting.num_changes(); ++fail_at) {
    FailingFiles files(fail_at);
    EXPECT_EQ((*new_index)->Save(path, files).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ((*SampleIndex::Open(path))->digest(), (*old_index)->digest());
  }
}

}  // namespace
}  // namespace grouter
