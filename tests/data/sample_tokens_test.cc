#include "data/sample_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "data/sample_index_builder.h"
#include "tests/data/small_dataset.h"

namespace grouter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kEod = 99;

SampleTokens Read(const IndexedDataset& dataset, const SampleIndexRules& rules,
                  const std::vector<TokenRange>& ranges, absl::optional<TokenRange> label_after) {
  SampleTokens tokens;
  const absl::Status status = ReadRanges(dataset, rules, ranges, label_after, &tokens);
  EXPECT_TRUE(status.ok()) << status;
  return tokens;
}

TEST(ReadRanges, LabelsAreTheNextTokensAndTheOneAfter) {
  const auto dataset = SmallDataset({{10, 11, 12, 13, 14}});
  const SampleTokens tokens = Read(*dataset, {}, {{0, 1, 3}}, TokenRange{0, 4, 1});
  EXPECT_THAT(tokens.tokens, ElementsAre(11, 12, 13));
  EXPECT_THAT(tokens.labels, ElementsAre(12, 13, 14));
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 1, 1));
  EXPECT_THAT(tokens.positions, ElementsAre(0, 1, 2));
  EXPECT_THAT(tokens.document_starts, ElementsAre(0));
}

TEST(ReadRanges, WithoutATokenAfterTheLastLabelDoesNotCount) {
  const auto dataset = SmallDataset({{10, 11}});
  const SampleTokens tokens = Read(*dataset, {}, {{0, 0, 2}}, absl::nullopt);
  EXPECT_THAT(tokens.labels, ElementsAre(11, 0));
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 0));
  EXPECT_EQ(tokens.num_loss_tokens(), 1u);
}

TEST(ReadRanges, ALabelThatBeginsAnotherDocumentCountsOnlyByRule) {
  const auto dataset = SmallDataset({{10, 11}, {20, 21}, {30}});
  const std::vector<TokenRange> ranges = {{0, 0, 2}, {1, 0, 2}};
  SampleIndexRules rules;
  SampleTokens tokens = Read(*dataset, rules, ranges, TokenRange{2, 0, 1});
  EXPECT_THAT(tokens.labels, ElementsAre(11, 20, 21, 30));
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(tokens.positions, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(tokens.document_starts, ElementsAre(0, 2));
  rules.loss_across_documents = true;
  rules.cross_document = true;
  tokens = Read(*dataset, rules, ranges, TokenRange{2, 0, 1});
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(tokens.positions, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(tokens.document_starts, ElementsAre(0, 2)) << "told under either rule";
}

TEST(ReadRanges, AnEndOfDocumentTokenInsideADocumentEndsItToo) {
  const auto dataset = SmallDataset({{10, kEod, 12, 13, kEod}});
  SampleIndexRules rules;
  rules.eod_token = kEod;
  const SampleTokens tokens = Read(*dataset, rules, {{0, 0, 4}}, TokenRange{0, 4, 1});
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 0, 1, 1))
      << "the end of a document is learned, what follows is not";
  EXPECT_THAT(tokens.positions, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(tokens.document_starts, ElementsAre(0, 2));
}

TEST(ReadRanges, RangesThatContinueEachOtherAreOneDocument) {
  const auto dataset = SmallDataset({{10, 11, 12, 13}});
  const SampleTokens tokens = Read(*dataset, {}, {{0, 0, 2}, {0, 2, 1}}, TokenRange{0, 3, 1});
  EXPECT_THAT(tokens.document_starts, ElementsAre(0));
  EXPECT_THAT(tokens.loss_mask, ElementsAre(1, 1, 1));
}

TEST(ReadRanges, TakesAnEmptySampleAndRefusesWhatIsNotThere) {
  const auto dataset = SmallDataset({{10, 11}});
  EXPECT_TRUE(Read(*dataset, {}, {}, absl::nullopt).tokens.empty());
  SampleTokens tokens;
  EXPECT_EQ(ReadRanges(*dataset, {}, {{1, 0, 1}}, absl::nullopt, &tokens).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadRanges(*dataset, {}, {{0, 1, 2}}, absl::nullopt, &tokens).code(),
            absl::StatusCode::kOutOfRange);
}

TEST(ReadSampleTokens, NamesTheSampleWhoseTokensChanged) {
  SampleIndexOptions options;
  options.rules.sequence_length = 4;
  options.splits = {{"train", 1}};
  const Documents documents = RandomDocuments(1, 1, 30, 50, kEod);
  const auto index = BuildSampleIndex(*SmallDataset(documents), nullptr, options);
  ASSERT_TRUE(index.ok()) << index.status();
  Documents changed = documents;
  changed[0][6] ^= 1;  // the second sample of four
  const auto dataset = SmallDataset(changed);
  SampleTokens tokens;
  EXPECT_TRUE(ReadSampleTokens(*dataset, **index, 0, &tokens).ok());
  const absl::Status status = ReadSampleTokens(*dataset, **index, 1, &tokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sample 1"));
}

TEST(ReadSampleTokens, ChecksumIsOverLittleEndianIds) {
  SampleTokens tokens;
  tokens.tokens = {0x31323334u, 0x35363738u};
  EXPECT_EQ(tokens.token_crc32c(), Crc32c("43218765"));
}

TEST(ReadSampleTokens, AnIndexFromLengthsHasNoTokens) {
  const auto index = SampleIndex::FromLengths({2}, {});
  SampleTokens tokens;
  EXPECT_EQ(ReadSampleTokens(*SmallDataset({{1, 2}}), **index, 0, &tokens).code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace grouter
