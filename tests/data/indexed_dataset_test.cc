#include "data/indexed_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "io/random.h"
#include "tests/data/failing_files.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Ids = std::vector<uint32_t>;

const TokenType kIntegerTypes[] = {TokenType::kUint8, TokenType::kInt8,  TokenType::kInt16,
                                   TokenType::kInt32, TokenType::kInt64, TokenType::kUint16};

std::string Prefix() {
  const std::string folder =
      ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  fs::create_directories(folder);
  return folder + "/data";
}

std::string Read(const std::string& path) { return *FileSystem::Local().ReadFile(path); }
void Write(const std::string& path, const std::string& bytes) {
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path, bytes).ok());
}

// Documents of sequences of ids.
absl::Status WriteDataset(const std::string& prefix, TokenType type,
                          const std::vector<std::vector<Ids>>& documents,
                          FileSystem& files = FileSystem::Local()) {
  GROUTER_ASSIGN_OR_RETURN(IndexedDatasetWriter writer, IndexedDatasetWriter::Create(files, prefix, type));
  for (const auto& document : documents) {
    for (const Ids& sequence : document) GROUTER_RETURN_IF_ERROR(writer.AddSequence(sequence));
    writer.EndDocument();
  }
  return writer.Finish();
}

TEST(IndexedDataset, IsMegatronsBytes) {
  // Written by hand from Megatron-Core's writer; indexed_dataset_oracle_test.py repeats it with NumPy.
  const std::string prefix = Prefix();
  ASSERT_TRUE(WriteDataset(prefix, TokenType::kUint16, {{{1, 2, 3}, {65535}}, {}, {{7}}}).ok());
  EXPECT_EQ(Read(prefix + ".bin"), std::string("\x01\0\x02\0\x03\0\xFF\xFF\x07\0", 10));
  std::string index("MMIDIDX\0\0\x01\0\0\0\0\0\0\0\x08\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0", 34);
  index += std::string("\x03\0\0\0\x01\0\0\0\x01\0\0\0", 12);
  index += std::string("\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0", 24);
  index += std::string("\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", 32);
  EXPECT_EQ(Read(prefix + ".idx"), index);
}

TEST(IndexedDataset, ReturnsWhatWasWrittenForEveryType) {
  Random random(1);
  for (const TokenType type : kIntegerTypes) {
    const std::string prefix = Prefix();
    std::vector<std::vector<Ids>> documents(random.Below(6));
    for (auto& document : documents) {
      document.resize(random.Below(4));
      for (Ids& sequence : document) {
        sequence.resize(random.Below(50));
        for (uint32_t& id : sequence) id = static_cast<uint32_t>(random.Below(128));
      }
    }
    ASSERT_TRUE(WriteDataset(prefix, type, documents).ok());
    const auto dataset = IndexedDataset::Open(prefix);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_EQ((*dataset)->type(), type);
    ASSERT_EQ((*dataset)->num_documents(), documents.size());
    uint64_t tokens = 0;
    for (size_t d = 0; d < documents.size(); ++d) {
      Ids whole;
      for (const Ids& sequence : documents[d]) whole.insert(whole.end(), sequence.begin(), sequence.end());
      tokens += whole.size();
      ASSERT_EQ((*dataset)->document_length(d), whole.size());
      for (int trial = 0; trial < 20; ++trial) {
        const uint64_t begin = random.Below(whole.size() + 1);
        Ids ids(random.Below(whole.size() - begin + 1));
        ASSERT_TRUE((*dataset)->ReadDocument(d, begin, absl::MakeSpan(ids)).ok());
        EXPECT_TRUE(std::equal(ids.begin(), ids.end(), whole.begin() + begin));
      }
      Ids past(whole.size() + 1);
      EXPECT_EQ((*dataset)->ReadDocument(d, 0, absl::MakeSpan(past)).code(), absl::StatusCode::kOutOfRange);
    }
    EXPECT_EQ((*dataset)->num_tokens(), tokens);
  }
}

TEST(IndexedDataset, TypeFollowsMegatronsRule) {
  EXPECT_EQ(TokenTypeForVocabulary(65499), TokenType::kUint16);
  EXPECT_EQ(TokenTypeForVocabulary(65500), TokenType::kInt32);
  EXPECT_EQ(TokenTypeBytes(static_cast<TokenType>(9)), 0u);
  EXPECT_FALSE(IsIntegerType(TokenType::kFloat32));
}

TEST(IndexedDataset, RefusesIdsThatDoNotFit) {
  const std::pair<TokenType, uint32_t> limits[] = {{TokenType::kUint8, 255},
                                                   {TokenType::kInt8, 127},
                                                   {TokenType::kInt16, 32767},
                                                   {TokenType::kUint16, 65535},
                                                   {TokenType::kInt32, 2147483647}};
  for (const auto& [type, largest] : limits) {
    EXPECT_TRUE(WriteDataset(Prefix(), type, {{{largest}}}).ok());
    EXPECT_EQ(WriteDataset(Prefix(), type, {{{0, largest + 1}}}).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(WriteDataset(Prefix(), TokenType::kInt64, {{{UINT32_MAX}}}).ok());
  EXPECT_EQ(WriteDataset(Prefix(), TokenType::kFloat32, {{{1}}}).code(), absl::StatusCode::kInvalidArgument);
}

TEST(IndexedDataset, KeepsFloatsAndModesAsBytes) {
  const std::string prefix = Prefix();
  auto writer = IndexedDatasetWriter::Create(FileSystem::Local(), prefix, TokenType::kFloat32);
  ASSERT_TRUE(writer.ok());
  const float scores[] = {0.5f, -1.0f};
  const absl::string_view bytes(reinterpret_cast<const char*>(scores), sizeof(scores));
  ASSERT_TRUE(writer->AddSequenceBytes(bytes, int8_t{3}).ok());
  EXPECT_FALSE(writer->AddSequenceBytes(bytes).ok()) << "a mode for some sequences only";
  EXPECT_FALSE(writer->AddSequenceBytes(bytes.substr(1), int8_t{3}).ok()) << "half an element";
  writer->EndDocument();
  ASSERT_TRUE(writer->Finish().ok());
  const auto dataset = IndexedDataset::Open(prefix);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->sequence_bytes(0), bytes);
  EXPECT_EQ((*dataset)->sequence_mode(0), absl::optional<int8_t>(3));
  Ids ids(1);
  EXPECT_EQ((*dataset)->ReadDocument(0, 0, absl::MakeSpan(ids)).code(), absl::StatusCode::kInvalidArgument);
}

TEST(IndexedDataset, SaysWhichSequenceHasANegativeId) {
  const std::string prefix = Prefix();
  ASSERT_TRUE(WriteDataset(prefix, TokenType::kInt32, {{{5}}, {{6}}}).ok());
  Write(prefix + ".bin", std::string("\x05\0\0\0\xFF\xFF\xFF\xFF", 8));
  const auto dataset = IndexedDataset::Open(prefix);
  ASSERT_TRUE(dataset.ok());
  Ids ids(1);
  EXPECT_TRUE((*dataset)->ReadDocument(0, 0, absl::MakeSpan(ids)).ok());
  const absl::Status status = (*dataset)->ReadDocument(1, 0, absl::MakeSpan(ids));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sequence 1"));
}

TEST(IndexedDataset, CountsPastFourBillionTokens) {
  // The index is written as for a dataset of 6 GiB; the .bin is a sparse file.
  const std::string prefix = Prefix();
  constexpr int32_t kLength = 1 << 30;
  ASSERT_TRUE(WriteDataset(prefix, TokenType::kUint8, {{{1}, {1}, {1}, {1}, {1}, {1}}}).ok());
  std::string index = Read(prefix + ".idx");
  for (int i = 0; i < 6; ++i) {
    const int64_t offset = int64_t{i} * kLength;
    std::memcpy(&index[34 + 4 * i], &kLength, 4);
    std::memcpy(&index[34 + 24 + 8 * i], &offset, 8);
  }
  Write(prefix + ".idx", index);
  fs::resize_file(prefix + ".bin", uint64_t{6} << 30);
  const auto dataset = IndexedDataset::Open(prefix);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->num_tokens(), uint64_t{6} << 30);
  EXPECT_EQ((*dataset)->document_length(0), uint64_t{6} << 30);
  Ids ids(3, 9);
  ASSERT_TRUE((*dataset)->ReadDocument(0, (uint64_t{5} << 30) - 1, absl::MakeSpan(ids)).ok());
  EXPECT_EQ(ids, (Ids{0, 0, 0}));
  fs::remove(prefix + ".bin");
}

TEST(IndexedDataset, FindsEachContradiction) {
  const std::string prefix = Prefix();
  ASSERT_TRUE(WriteDataset(prefix, TokenType::kUint16, {{{1, 2, 3}}, {{4}}}).ok());
  const std::string good = Read(prefix + ".idx");
  const auto code_for = [&](size_t offset, char byte) {
    std::string bad = good;
    bad[offset] = byte;
    Write(prefix + ".idx", bad);
    return IndexedDataset::Open(prefix).status().code();
  };
  EXPECT_EQ(code_for(0, 'X'), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for(9, 2), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code_for(17, 9), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code_for(18, 3), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code_for(25, 0x7F), absl::StatusCode::kDataLoss) << "an absurd count";
  EXPECT_EQ(code_for(26, 0), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code_for(37, '\x80'), absl::StatusCode::kDataLoss) << "a negative length";
  EXPECT_EQ(code_for(42, 100), absl::StatusCode::kDataLoss) << "outside the .bin";
  EXPECT_EQ(code_for(58, 1), absl::StatusCode::kDataLoss) << "the first document starts at 1";
  EXPECT_EQ(code_for(66, 9), absl::StatusCode::kDataLoss) << "past the last sequence";
  for (size_t cut = 0; cut < good.size(); ++cut) {
    Write(prefix + ".idx", good.substr(0, cut));
    EXPECT_FALSE(IndexedDataset::Open(prefix).ok()) << cut;
  }
  Write(prefix + ".idx", good);
  EXPECT_TRUE(IndexedDataset::Open(prefix).ok());
  fs::resize_file(prefix + ".bin", 7);
  EXPECT_EQ(IndexedDataset::Open(prefix).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(IndexedDataset::Open(prefix + "x").status().code(), absl::StatusCode::kNotFound);
}

TEST(IndexedDataset, DigestFollowsEveryByte) {
  const std::string prefix = Prefix();
  const auto digest_of = [&](const std::vector<std::vector<Ids>>& documents) {
    EXPECT_TRUE(WriteDataset(prefix, TokenType::kUint16, documents).ok());
    return (*IndexedDataset::Open(prefix))->ComputeDigest();
  };
  const Digest digest = digest_of({{{1, 2}}, {{3}}});
  EXPECT_EQ(digest, digest_of({{{1, 2}}, {{3}}}));
  EXPECT_NE(digest, digest_of({{{1, 2}}, {{4}}}));
  EXPECT_NE(digest, digest_of({{{1}}, {{2, 3}}}));
}

TEST(IndexedDatasetWriter, AFullDiskLeavesTheOldPairOrNone) {
  const std::string prefix = Prefix();
  const std::vector<std::vector<Ids>> old_documents = {{{1, 2, 3}}}, new_documents = {{{4}}, {{5, 6}}};
  FailingFiles counting(-1);
  ASSERT_TRUE(WriteDataset(prefix + "_count", TokenType::kUint16, new_documents, counting).ok());
  for (int64_t fail_at = 0; fail_at < counting.num_changes(); ++fail_at) {
    ASSERT_TRUE(WriteDataset(prefix, TokenType::kUint16, old_documents).ok());
    FailingFiles files(fail_at);
    EXPECT_EQ(WriteDataset(prefix, TokenType::kUint16, new_documents, files).code(),
              absl::StatusCode::kResourceExhausted);
    const auto left = IndexedDataset::Open(prefix);
    if (left.ok()) {
      EXPECT_EQ((*left)->num_tokens(), 3u);
    }
    for (const auto& entry : fs::directory_iterator(fs::path(prefix).parent_path())) {
      EXPECT_EQ(entry.path().string().find(".tmp."), std::string::npos) << entry.path();
    }
  }
}

}  // namespace
}  // namespace grouter
