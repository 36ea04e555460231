#include "tools/pipeline/ledger.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace grouter {
namespace {

namespace fs = std::filesystem;

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() : folder_(testing::TempDir() + "/ledger") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name) << text;
  }
  Digest Of(const std::string& name) { return DigestPath(folder_ + "/" + name).value(); }
  std::string folder_;
};

TEST_F(LedgerTest, AFilesDigestIsThatOfItsBytes) {
  Write("a", "abc");
  EXPECT_EQ(Of("a").Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(LedgerTest, AFoldersDigestFollowsNamesAndContentsOnly) {
  Write("one/x/a", "1");
  Write("one/b", "2");
  Write("two/b", "2");
  Write("two/x/a", "1");
  Write("two/.hidden", "ignored");
  Write("two/.cache/file", "ignored");
  EXPECT_EQ(Of("one"), Of("two"));
  Write("two/x/a", "3");
  EXPECT_NE(Of("one"), Of("two"));
  Write("two/x/a", "1");
  fs::rename(folder_ + "/two/b", folder_ + "/two/c");
  EXPECT_NE(Of("one"), Of("two"));
}

TEST_F(LedgerTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(DigestPath(folder_ + "/nothing").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LedgerTest, ARecordComesBackAsWritten) {
  Ledger ledger(FileSystem::Local(), folder_ + "/steps");
  EXPECT_FALSE(ledger.Find("tokenize").has_value());
  StepRecord record;
  record.key = Sha256("key");
  record.outputs["tokens"] = Sha256("tokens");
  record.seconds = 1.5;
  record.peak_memory_bytes = 42;
  ASSERT_TRUE(ledger.Write("tokenize", record).ok());
  const auto found = ledger.Find("tokenize");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->key, record.key);
  EXPECT_EQ(found->outputs, record.outputs);
  EXPECT_EQ(found->seconds, 1.5);
  EXPECT_EQ(found->peak_memory_bytes, 42);
  ASSERT_TRUE(ledger.Forget("tokenize").ok());
  EXPECT_FALSE(ledger.Find("tokenize").has_value());
}

TEST_F(LedgerTest, ADamagedRecordCountsAsNone) {
  Ledger ledger(FileSystem::Local(), folder_);
  for (const char* text : {"", "{", "[]", "{\"key\": 5}", "{\"key\":\"00\",\"outputs\":{}}", "null"}) {
    Write("step.json", text);
    EXPECT_FALSE(ledger.Find("step").has_value()) << text;
  }
}

}  // namespace
}  // namespace grouter
