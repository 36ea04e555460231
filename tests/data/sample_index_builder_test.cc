#include "data/sample_index_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "data/sample_tokens.h"
#include "tests/data/small_dataset.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;
using Packing = SampleIndexRules::Packing;

constexpr int64_t kEod = 500;

SampleIndexOptions Options(uint32_t sequence_length, Packing packing = Packing::kPacked) {
  SampleIndexOptions options;
  options.rules.sequence_length = sequence_length;
  options.rules.packing = packing;
  options.rules.document_order_seed = 7;
  return options;
}

std::shared_ptr<const SampleIndex> Build(const IndexedDataset& dataset, const TokenManifest* manifest,
                                         const SampleIndexOptions& options) {
  auto index = BuildSampleIndex(dataset, manifest, options);
  EXPECT_TRUE(index.ok()) << index.status();
  return index.ok() ? *index : nullptr;
}

// Every token of the dataset is in exactly one sample, and what the index says of a sample is so.
void ExpectWhole(const IndexedDataset& dataset, const SampleIndex& index) {
  std::vector<std::vector<int>> seen(dataset.num_documents());
  for (uint64_t d = 0; d < seen.size(); ++d) seen[d].resize(dataset.document_length(d));
  uint64_t tokens = 0;
  for (uint64_t s = 0; s < index.num_samples(); ++s) {
    const Sample sample = index.sample(s);
    ASSERT_LE(sample.length, index.rules().sequence_length);
    for (const TokenRange& range : sample.ranges) {
      for (uint64_t i = range.offset; i < range.offset + range.length; ++i) ++seen[range.document][i];
    }
    SampleTokens read;
    const absl::Status status = ReadSampleTokens(dataset, index, s, &read);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(read.tokens.size(), sample.length);
    EXPECT_EQ(read.num_loss_tokens(), sample.num_loss_tokens);
    EXPECT_EQ(read.token_crc32c(), sample.token_crc32c);
    tokens += sample.length;
  }
  EXPECT_EQ(tokens, dataset.num_tokens());
  for (const auto& document : seen) {
    for (const int count : document) ASSERT_EQ(count, 1);
  }
}

TEST(BuildSampleIndex, PutsEveryTokenIntoOneSampleForAnyShape) {
  Random random(5);
  for (uint64_t trial = 0; trial < 60; ++trial) {
    const uint64_t max_length = uint64_t{1} << random.Below(9);
    const auto dataset = SmallDataset(RandomDocuments(trial, 1 + random.Below(40), max_length, 400, kEod));
    const auto num_domains =
        static_cast<uint32_t>(1 + random.Below(std::min<uint64_t>(dataset->num_documents(), 5)));
    const TokenManifest manifest = SmallManifest(*dataset, num_domains, kEod);
    SampleIndexOptions options = Options(static_cast<uint32_t>(1 + random.Below(64)),
                                         random.Below(2) == 0 ? Packing::kPacked : Packing::kOneDocument);
    options.rules.loss_across_documents = random.Below(2) == 0;
    options.rules.document_order_seed = trial;
    if (random.Below(2) == 0) options.splits = {{"train", 8}, {"valid", 1}, {"test", 1}};
    ExpectWhole(*dataset, *Build(*dataset, &manifest, options));
  }
}

TEST(BuildSampleIndex, PackedSamplesAreFullButTheLastOfASplit) {
  const auto dataset = SmallDataset(RandomDocuments(1, 100, 50, 400, kEod));
  const auto index = Build(*dataset, nullptr, Options(32));
  for (const DataSplit& split : index->splits()) {
    for (uint64_t s = split.first_sample; s + 1 < split.first_sample + split.num_samples; ++s) {
      EXPECT_EQ(index->sample(s).length, 32u);
      EXPECT_TRUE(index->sample(s).label_after.has_value());
      const Sample next = index->sample(s + 1);
      EXPECT_EQ(index->sample(s).label_after->document, next.ranges[0].document)
          << "the label is the next token";
      EXPECT_EQ(index->sample(s).label_after->offset, next.ranges[0].offset);
    }
    EXPECT_FALSE(index->sample(split.first_sample + split.num_samples - 1).label_after.has_value());
  }
}

TEST(BuildSampleIndex, EveryDomainIsInEverySplitNearItsShare) {
  const auto dataset = SmallDataset(RandomDocuments(2, 400, 60, 400, kEod));
  const TokenManifest manifest = SmallManifest(*dataset, 4, kEod);
  SampleIndexOptions options = Options(64, Packing::kOneDocument);
  options.splits = {{"train", 90}, {"valid", 10}};
  const auto index = Build(*dataset, &manifest, options);
  std::map<uint32_t, uint64_t> tokens, valid_tokens;
  const DataSplit& valid = *index->FindSplit("valid");
  for (uint64_t s = 0; s < index->num_samples(); ++s) {
    const Sample sample = index->sample(s);
    tokens[sample.domain] += sample.length;
    if (s >= valid.first_sample && s < valid.first_sample + valid.num_samples)
      valid_tokens[sample.domain] += sample.length;
  }
  for (uint32_t domain = 0; domain < 4; ++domain) {
    const double share = static_cast<double>(valid_tokens[domain]) / static_cast<double>(tokens[domain]);
    EXPECT_GE(share, 0.05);
    EXPECT_LE(share, 0.15);
  }
}

TEST(SplitDocuments, KeepsShortDocumentsWholeAndCutsALongOne) {
  const std::vector<uint64_t> many(100, 10);
  const std::vector<uint32_t> domains(100, 0);
  auto pieces = SplitDocuments(many, domains, 1, {{"train", 90}, {"valid", 10}}, 1);
  for (const auto& split : pieces) {
    for (const DocumentPiece& piece : split) EXPECT_EQ(piece.range.length, 10u);
  }
  EXPECT_EQ(pieces[1].size(), 10u);
  pieces = SplitDocuments(std::vector<uint64_t>{1000}, std::vector<uint32_t>{0}, 1,
                          {{"train", 90}, {"valid", 10}}, 1);
  ASSERT_EQ(pieces[0].size(), 1u);
  EXPECT_EQ(pieces[0][0].range, (TokenRange{0, 0, 900}));
  EXPECT_EQ(pieces[1][0].range, (TokenRange{0, 900, 100}));
}

TEST(SplitDocuments, CoversEveryTokenOnceForAnyShape) {
  Random random(9);
  for (int trial = 0; trial < 300; ++trial) {
    const auto num_domains = static_cast<uint32_t>(1 + random.Below(4));
    std::vector<uint64_t> lengths(random.Below(12));
    std::vector<uint32_t> domains(lengths.size());
    for (uint64_t& length : lengths)
      length = random.Below(3) == 0 ? random.Below(3) : random.Below(uint64_t{1} << 40);
    for (uint32_t& domain : domains) domain = static_cast<uint32_t>(random.Below(num_domains));
    std::vector<SplitShare> splits(1 + random.Below(4));
    for (SplitShare& split : splits) split.share = static_cast<uint32_t>(1 + random.Below(UINT32_MAX));
    std::map<uint64_t, std::vector<TokenRange>> by_document;
    for (const auto& split : SplitDocuments(lengths, domains, num_domains, splits, trial)) {
      for (const DocumentPiece& piece : split) {
        EXPECT_EQ(piece.domain, domains[piece.range.document]);
        by_document[piece.range.document].push_back(piece.range);
      }
    }
    for (uint64_t d = 0; d < lengths.size(); ++d) {
      auto& ranges = by_document[d];
      std::sort(ranges.begin(), ranges.end(),
                [](const auto& a, const auto& b) { return a.offset < b.offset; });
      uint64_t end = 0;
      for (const TokenRange& range : ranges) {
        EXPECT_EQ(range.offset, end);
        EXPECT_GT(range.length, 0u);
        end += range.length;
      }
      EXPECT_EQ(end, lengths[d]);
    }
  }
}

TEST(BuildSampleIndex, OrderAndDigestFollowTheSeed) {
  const auto dataset = SmallDataset(RandomDocuments(3, 50, 40, 400, kEod));
  SampleIndexOptions options = Options(16);
  const Digest digest = Build(*dataset, nullptr, options)->digest();
  EXPECT_EQ(Build(*dataset, nullptr, options)->digest(), digest);
  options.rules.document_order_seed = 8;
  const auto other = Build(*dataset, nullptr, options);
  EXPECT_NE(other->digest(), digest);
  ExpectWhole(*dataset, *other);
}

TEST(BuildSampleIndex, TakesEodDomainsAndDigestsFromTheManifest) {
  const auto dataset = SmallDataset(RandomDocuments(4, 20, 40, 400, kEod));
  const TokenManifest manifest = SmallManifest(*dataset, 2, kEod);
  const auto with = Build(*dataset, &manifest, Options(16));
  EXPECT_EQ(with->rules().eod_token, kEod);
  EXPECT_EQ(with->tokenizer_digest(), manifest.tokenizer_digest);
  EXPECT_EQ(with->dataset_digest(), dataset->ComputeDigest());
  EXPECT_EQ(with->domains(), manifest.domains);
  const auto without = Build(*dataset, nullptr, Options(16));
  EXPECT_EQ(without->rules().eod_token, -1);
  EXPECT_TRUE(without->tokenizer_digest().IsZero());
  EXPECT_EQ(without->domains(), std::vector<std::string>{"default"});
}

TEST(BuildSampleIndex, APackedSampleHasTheDomainOfMostOfItsTokens) {
  const auto dataset = SmallDataset({std::vector<uint32_t>(3, 1), std::vector<uint32_t>(5, 2)});
  const TokenManifest manifest = SmallManifest(*dataset, 2, -1);
  SampleIndexOptions options = Options(8);
  options.splits = {{"train", 1}};
  const auto index = Build(*dataset, &manifest, options);
  ASSERT_EQ(index->num_samples(), 1u);
  EXPECT_EQ(index->sample(0).domain, 1u);
}

TEST(BuildSampleIndex, OneDocumentPerSampleNeverMixesDocuments) {
  const auto dataset = SmallDataset(RandomDocuments(6, 60, 100, 400, kEod));
  const auto index = Build(*dataset, nullptr, Options(32, Packing::kOneDocument));
  for (uint64_t s = 0; s < index->num_samples(); ++s) {
    const Sample sample = index->sample(s);
    ASSERT_EQ(sample.ranges.size(), 1u);
    if (sample.label_after.has_value()) {
      EXPECT_EQ(sample.label_after->document, sample.ranges[0].document);
      EXPECT_EQ(sample.num_loss_tokens, sample.length);
    } else {
      EXPECT_EQ(sample.num_loss_tokens, sample.length - 1);
    }
  }
}

TEST(BuildSampleIndex, RefusesWhatDoesNotFit) {
  const auto dataset = SmallDataset({{1, 2, 3}});
  const auto message = [&](const IndexedDataset& data, const TokenManifest* manifest,
                           const SampleIndexOptions& options) {
    const auto index = BuildSampleIndex(data, manifest, options);
    EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(index.status().message());
  };
  EXPECT_THAT(message(*dataset, nullptr, Options(0)), HasSubstr("sequence length"));
  EXPECT_THAT(message(*dataset, nullptr, Options(4, Packing::kFromLengths)), HasSubstr("packing"));
  SampleIndexOptions options = Options(4);
  options.splits = {};
  EXPECT_THAT(message(*dataset, nullptr, options), HasSubstr("no data split"));
  options.splits = {{"a", 1}, {"a", 1}};
  EXPECT_THAT(message(*dataset, nullptr, options), HasSubstr("a name of its own"));
  options.splits = {{"a", 0}};
  EXPECT_THAT(message(*dataset, nullptr, options), HasSubstr("share"));
  TokenManifest manifest = SmallManifest(*dataset, 1, -1);
  manifest.num_tokens = 4;
  EXPECT_THAT(message(*dataset, &manifest, Options(4)), HasSubstr("another dataset"));
  EXPECT_THAT(message(*SmallDataset({}), nullptr, Options(4)), HasSubstr("without tokens"));
  EXPECT_THAT(message(*SmallDataset({{}, {}}), nullptr, Options(4)), HasSubstr("without tokens"));
}

TEST(BuildSampleIndex, TellsProgressUpToTheWhole) {
  const auto dataset = SmallDataset(RandomDocuments(8, 30, 40, 400, kEod));
  SampleIndexOptions options = Options(16);
  uint64_t last = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, dataset->num_tokens());
    last = done;
  };
  Build(*dataset, nullptr, options);
  EXPECT_EQ(last, dataset->num_tokens());
}

}  // namespace
}  // namespace grouter
