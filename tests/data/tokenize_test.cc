#include "data/tokenize.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/indexed_dataset.h"
#include "io/random.h"
#include "tests/data/failing_files.h"
#include "tests/data/tokenizer/small_vocabulary.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;

class TokenizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    auto ranks = RankTable::FromTokens(RandomVocabulary(1, 200), "x");
    ASSERT_TRUE(ranks.ok());
    tokenizer_ = *Tokenizer::FromRanks(*std::move(ranks), {}, "x");
    Random random(1);
    for (int domain = 0; domain < 3; ++domain) {
      fs::create_directories(root_ + "/in/domain" + std::to_string(domain));
      for (int document = 0; document < 20; ++document) {
        std::ofstream out(root_ + "/in/domain" + std::to_string(domain) + "/" + std::to_string(document));
        const uint64_t length = 1 + random.Below(3000);
        for (uint64_t i = 0; i < length; ++i) out << "abc \n<|endoftext|>"[random.Below(18)];
      }
    }
    auto corpus = BuildCorpus(root_ + "/in", root_ + "/corpus", {});
    ASSERT_TRUE(corpus.ok()) << corpus.status();
    corpus_ = *corpus;
  }
  std::string root_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const Corpus> corpus_;
};

TEST_F(TokenizeTest, WritesOneSequencePerDocumentThatEndsWithEod) {
  const auto manifest = TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/t", {});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const auto dataset = IndexedDataset::Open(root_ + "/t");
  ASSERT_TRUE(dataset.ok());
  ASSERT_EQ((*dataset)->num_documents(), corpus_->num_documents());
  ASSERT_EQ((*dataset)->num_sequences(), corpus_->num_documents());
  EXPECT_EQ((*dataset)->type(), TokenType::kUint16);
  for (uint64_t i = 0; i < corpus_->num_documents(); ++i) {
    std::vector<uint32_t> ids((*dataset)->document_length(i));
    ASSERT_TRUE((*dataset)->ReadDocument(i, 0, absl::MakeSpan(ids)).ok());
    EXPECT_EQ(ids.back(), tokenizer_->eod_id());
    ids.pop_back();
    const auto text = tokenizer_->Decode(ids);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(*text, corpus_->text(i));
  }
}

TEST_F(TokenizeTest, ManifestSaysWhatTheTokensMean) {
  const auto manifest = TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/t", {});
  ASSERT_TRUE(manifest.ok());
  const auto loaded = TokenManifest::Load(root_ + "/t");
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  EXPECT_EQ((*loaded)->ToJson(), manifest->ToJson());
  EXPECT_EQ(manifest->tokenizer_digest, tokenizer_->digest());
  EXPECT_EQ(manifest->corpus_digest, corpus_->digest());
  EXPECT_EQ(manifest->domains, corpus_->domains());
  EXPECT_EQ(manifest->domain_runs.size(), 3u);
  EXPECT_EQ(manifest->num_tokens, (*IndexedDataset::Open(root_ + "/t"))->num_tokens());
}

TEST_F(TokenizeTest, AnyNumberOfThreadsWritesTheSameBytes) {
  const auto digest_with = [&](uint32_t threads) {
    TokenizeOptions options;
    options.num_threads = threads;
    EXPECT_TRUE(TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/t", options).ok());
    return (*IndexedDataset::Open(root_ + "/t"))->ComputeDigest();
  };
  const Digest digest = digest_with(1);
  EXPECT_EQ(digest_with(2), digest);
  EXPECT_EQ(digest_with(5), digest);
}

TEST_F(TokenizeTest, WithoutEodTheManifestSaysSo) {
  TokenizeOptions options;
  options.append_eod = false;
  const auto with = TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/with", {});
  const auto without = TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/without", options);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_EQ(without->eod_token, -1);
  EXPECT_EQ(with->num_tokens - without->num_tokens, corpus_->num_documents());
}

TEST_F(TokenizeTest, TellsProgressUpToTheWhole) {
  TokenizeOptions options;
  std::pair<uint64_t, uint64_t> last;
  options.progress = [&](uint64_t done, uint64_t total) { last = {done, total}; };
  ASSERT_TRUE(TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/t", options).ok());
  EXPECT_EQ(last, std::make_pair(corpus_->num_bytes(), corpus_->num_bytes()));
}

TEST_F(TokenizeTest, AFullDiskLeavesNoIndexOfAHalfWrittenDataset) {
  FailingFiles counting(-1);
  ASSERT_TRUE(TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/count", {}, counting).ok());
  for (int64_t fail_at = 0; fail_at < counting.num_changes(); ++fail_at) {
    FailingFiles files(fail_at);
    const auto manifest = TokenizeCorpus(*corpus_, *tokenizer_, root_ + "/t", {}, files);
    EXPECT_EQ(manifest.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_FALSE(fs::exists(root_ + "/t.idx"));
  }
}

}  // namespace
}  // namespace grouter
