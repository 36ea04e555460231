#include "routing/table/packed/learn_codec.h"

#include "gtest/gtest.h"
#include "routing/table/format.h"
#include "tests/routing/table/packed/token_table.h"

namespace grouter {
namespace {

using testing::TokenRoutes;
using testing::TokenTableOptions;

class TokenSource : public RecordSource {
 public:
  explicit TokenSource(bool with_tokens) : with_tokens_(with_tokens) {
    Random random(1);
    o_.header.num_experts = 16;
    o_.header.k = 2;
    for (int s = 0; s < 20; ++s) {
      tokens_.emplace_back(300);
      for (uint32_t& token : tokens_.back()) token = static_cast<uint32_t>(random.Below(30));
      routes_.push_back(TokenRoutes(o_, tokens_.back(), &random));
    }
  }
  const TableHeader& header() const override { return o_.header; }
  uint64_t num_samples() const override { return tokens_.size(); }
  uint64_t num_tokens() const override { return 300 * tokens_.size(); }
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t) override {
    if (sample == bad_sample) return absl::DataLossError("no");
    return routes_[sample].view();
  }
  absl::StatusOr<absl::Span<const uint32_t>> Tokens(uint64_t sample) override {
    return with_tokens_ ? absl::Span<const uint32_t>(tokens_[sample]) : absl::Span<const uint32_t>();
  }
  std::unique_ptr<RecordSource> Another() const override { return std::make_unique<TokenSource>(*this); }
  uint64_t PackedBytes(const RouteCodec& codec) {
    uint64_t bytes = 0;
    for (uint64_t s = 0; s < num_samples(); ++s)
      bytes += codec.EncodeRecord(0, Tokens(s).value(), Routes(s, 0).value()).value().size();
    return bytes;
  }

  uint64_t bad_sample = UINT64_MAX;

 private:
  const bool with_tokens_;
  TokenTableOptions o_;
  std::vector<std::vector<uint32_t>> tokens_;
  std::vector<RouteBuffer> routes_;
};

TEST(LearnCodec, TokensMakeTheRoutesSmaller) {
  TokenSource with(true), without(false);
  LearnOptions options;
  const auto context_free = LearnCodec(options, &without).value();
  options.dataset_digest = Sha256("tokens");
  const auto conditioned = LearnCodec(options, &with).value();
  EXPECT_FALSE(context_free->needs_tokens());
  EXPECT_TRUE(conditioned->needs_tokens());
  EXPECT_GT(conditioned->group(0).lists.num_lists(), 20);
  EXPECT_LT(with.PackedBytes(*conditioned), without.PackedBytes(*context_free) * 0.9);
}

TEST(LearnCodec, AFewSamplesAreEnoughForTheFrequencies) {
  TokenSource source(true);
  LearnOptions options;
  options.dataset_digest = Sha256("tokens");
  const uint64_t all = source.PackedBytes(*LearnCodec(options, &source).value());
  options.sampled_tokens = 900;
  EXPECT_LT(source.PackedBytes(*LearnCodec(options, &source).value()), all * 1.1);
}

TEST(LearnCodec, TheCodeIsTheSameForAnyNumberOfThreads) {
  for (bool with_tokens : {false, true}) {
    for (bool classes : {false, true}) {
      TokenSource source(with_tokens);
      LearnOptions options;
      options.sample_classes = classes;
      if (with_tokens) options.dataset_digest = Sha256("tokens");
      options.num_threads = 1;
      const std::string one = LearnCodec(options, &source).value()->Encode();
      for (uint32_t threads : {2, 3, 7, 100}) {
        options.num_threads = threads;
        EXPECT_EQ(LearnCodec(options, &source).value()->Encode(), one) << threads;
      }
    }
  }
}

TEST(LearnCodec, TheSourcesErrorComesThroughFromAnyThread) {
  TokenSource source(true);
  source.bad_sample = 7;
  LearnOptions options;
  for (uint32_t threads : {1, 4}) {
    options.num_threads = threads;
    EXPECT_EQ(LearnCodec(options, &source).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace grouter
