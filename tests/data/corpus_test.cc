#include "data/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/data/failing_files.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CorpusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_ / "in");
  }
  void Put(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / "in" / name).parent_path());
    std::ofstream(root_ / "in" / name, std::ios::binary) << text;
  }
  std::string in() const { return (root_ / "in").string(); }
  std::string out() const { return (root_ / "out").string(); }
  std::shared_ptr<const Corpus> Build(const CorpusOptions& options = {}) {
    auto corpus = BuildCorpus(in(), out(), options);
    EXPECT_TRUE(corpus.ok()) << corpus.status();
    return corpus.ok() ? *corpus : nullptr;
  }
  fs::path root_;
};

TEST_F(CorpusTest, ASubFolderIsADomainAndAFileADocument) {
  Put("zebra/b.txt", "bb");
  Put("zebra/a.txt", "a");
  Put("apple/deep/er/x", "xyz");
  Put("top.txt", "t");
  const auto corpus = Build();
  EXPECT_THAT(corpus->domains(), ElementsAre("apple", "default", "zebra"));
  ASSERT_EQ(corpus->num_documents(), 4u);
  EXPECT_EQ(corpus->document(0).name, "deep/er/x");
  EXPECT_EQ(corpus->document(1).name, "top.txt");
  EXPECT_EQ(corpus->document(2).name, "a.txt");
  EXPECT_EQ(corpus->document(3).domain, 2u);
  EXPECT_EQ(corpus->text(3), "bb");
  EXPECT_EQ(corpus->document(0).sha256, Sha256("xyz"));
  EXPECT_EQ(corpus->num_bytes(), 7u);
  EXPECT_TRUE(corpus->Verify().ok());
}

TEST_F(CorpusTest, LeavesOutHiddenNamesEmptyFilesAndItself) {
  Put("a/text", "x");
  Put("a/empty", "");
  Put(".git/config", "secret");
  Put("a/.hidden", "secret");
  const auto corpus = BuildCorpus(in(), in() + "/corpus", {});
  ASSERT_TRUE(corpus.ok());
  const Digest digest = (*corpus)->digest();
  EXPECT_EQ((*corpus)->num_documents(), 1u);
  const auto again = BuildCorpus(in(), in() + "/corpus", {});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->digest(), digest);
}

TEST_F(CorpusTest, CutsADomainAtItsLimitBeforeACharacter) {
  Put("d/1", "abcd");
  Put("d/2", "x\xE4\xB8\xAD");
  Put("d/3", "left out");
  Put("e/1", "kept");
  CorpusOptions options;
  options.max_bytes_per_domain = 7;
  const auto corpus = Build(options);
  ASSERT_EQ(corpus->num_documents(), 3u);
  EXPECT_EQ(corpus->text(1), "x");
  EXPECT_EQ(corpus->text(2), "kept");
}

TEST_F(CorpusTest, TellsProgressInBytesUpToTheTotal) {
  Put("d/1", "abcd");
  Put("d/2", "ef");
  CorpusOptions options;
  std::vector<std::pair<uint64_t, uint64_t>> calls;
  options.progress = [&](uint64_t done, uint64_t total) { calls.emplace_back(done, total); };
  Build(options);
  EXPECT_THAT(calls, ElementsAre(std::make_pair(4u, 6u), std::make_pair(6u, 6u)));
}

TEST_F(CorpusTest, DigestFollowsContentNamesAndDomains) {
  Put("d/1", "text");
  const Digest digest = Build()->digest();
  EXPECT_EQ(Build()->digest(), digest);
  Put("d/1", "texT");
  EXPECT_NE(Build()->digest(), digest);
  Put("d/1", "text");
  fs::rename(root_ / "in/d/1", root_ / "in/d/2");
  EXPECT_NE(Build()->digest(), digest);
}

TEST_F(CorpusTest, NamesThatAreNotUtf8AreKeptReadable) {
  Put("d/\xFFname", "text");
  EXPECT_EQ(Build()->document(0).name, "\xEF\xBF\xBDname");
}

TEST_F(CorpusTest, SaysWhenThereIsNoCorpus) {
  const auto missing = BuildCorpus(in() + "/nothing", out(), {});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("no corpus"));
  const auto empty = BuildCorpus(in(), out(), {});
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.status().message()), HasSubstr("empty corpus"));
  Put("file", "x");
  EXPECT_THAT(std::string(BuildCorpus(in() + "/file", out(), {}).status().message()),
              HasSubstr("not a folder"));
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CorpusTest, OpenRefusesAFolderThatIsNotFinished) {
  EXPECT_EQ(Corpus::Open(in()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CorpusTest, FindsDamage) {
  Put("d/1", "text");
  Put("d/2", "more");
  Build();
  const std::string bin = out() + "/documents.bin", manifest = out() + "/corpus.json";
  std::fstream(bin, std::ios::in | std::ios::out | std::ios::binary).seekp(5).put('X');
  auto corpus = Corpus::Open(out());
  ASSERT_TRUE(corpus.ok());
  EXPECT_EQ((*corpus)->Verify().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string((*corpus)->Verify().message()), HasSubstr("\"2\""));
  fs::resize_file(bin, 7);
  EXPECT_EQ(Corpus::Open(out()).status().code(), absl::StatusCode::kDataLoss);
  const auto json = FileSystem::Local().ReadFile(manifest);
  ASSERT_TRUE(json.ok());
  const auto parse = [&](const std::string& from, const std::string& to) {
    return Corpus::ParseManifest(absl::StrReplaceAll(*json, {{from, to}}), "m").status().code();
  };
  EXPECT_EQ(parse("\"name\": \"1\"", "\"name\": \"3\""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(parse("\"offset\": 4", "\"offset\": 3"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parse("\"domain\": 0", "\"domain\": 1"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parse("\"bytes\": 4", "\"bytes\": \"4\""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parse("\"version\": 1", "\"version\": 2"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(parse("grouter corpus", "other"), absl::StatusCode::kInvalidArgument);
}

TEST_F(CorpusTest, AFullDiskLeavesTheOldCorpusOrNone) {
  Put("d/1", "text");
  Build();
  Put("d/1", "other text");
  FailingFiles counting(-1);
  ASSERT_TRUE(BuildCorpus(in(), (root_ / "count").string(), {}, counting).ok());
  for (int64_t fail_at = 0; fail_at < counting.num_changes(); ++fail_at) {
    FailingFiles files(fail_at);
    EXPECT_EQ(BuildCorpus(in(), out(), {}, files).status().code(), absl::StatusCode::kResourceExhausted);
    const auto left = Corpus::Open(out());
    if (left.ok()) {
      EXPECT_EQ((*left)->text(0), "text");
      EXPECT_TRUE((*left)->Verify().ok());
    }
    for (const auto& entry : fs::directory_iterator(out())) {
      EXPECT_EQ(entry.path().string().find(".tmp."), std::string::npos) << entry.path();
    }
  }
  EXPECT_EQ(Build()->text(0), "other text");
}

}  // namespace
}  // namespace grouter
