#include "data/token_manifest.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"

namespace grouter {
namespace {

TokenManifest Example() {
  TokenManifest manifest;
  manifest.tokenizer_digest = Sha256("tokenizer");
  manifest.corpus_digest = Sha256("corpus");
  manifest.vocab_size = 1000;
  manifest.eod_token = 997;
  manifest.num_documents = 5;
  manifest.num_tokens = uint64_t{1} << 40;
  manifest.domains = {"C++", "\xE4\xB8\xAD\xE6\x96\x87"};
  manifest.domain_runs = {{0, 2}, {1, 3}};
  return manifest;
}

TEST(TokenManifest, ReadsWhatItWrote) {
  const auto read = TokenManifest::Parse(Example().ToJson(), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), Example().ToJson());
  EXPECT_EQ(read->num_tokens, uint64_t{1} << 40);
  EXPECT_EQ(read->domain_runs[1].num_documents, 3u);
}

TEST(TokenManifest, RefusesContradictions) {
  const auto code_for = [](const std::string& from, const std::string& to) {
    const std::string json = absl::StrReplaceAll(Example().ToJson(), {{from, to}});
    EXPECT_NE(json, Example().ToJson()) << from;
    return TokenManifest::Parse(json, "x").status().code();
  };
  EXPECT_EQ(code_for("[1,3]", "[2,3]"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("[1,3]", "[1,4]"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("[1,3]", "[1,2]"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("[1,3]", "[1,18446744073709551615]"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("[1,3]", "7"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("997", "1000"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("997", "-2"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("997", "\"x\""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("\"version\":1", "\"version\":2"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code_for("grouter tokens", "other"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_for("\"num_tokens\"", "\"tokens\""), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(TokenManifest::Parse("[1, 2", "x").ok());
}

TEST(TokenManifest, IsOptionalBesideADataset) {
  const std::string prefix = ::testing::TempDir() + "/manifest";
  ASSERT_TRUE(FileSystem::Local().Remove(prefix + ".json").ok());
  auto loaded = TokenManifest::Load(prefix);
  ASSERT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded->has_value());
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), prefix + ".json", Example().ToJson()).ok());
  loaded = TokenManifest::Load(prefix);
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  EXPECT_EQ((*loaded)->eod_token, 997);
}

}  // namespace
}  // namespace grouter
