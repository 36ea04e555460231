#include "routing/network/sample_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/sample_index_builder.h"
#include "tests/data/small_dataset.h"

namespace grouter {
namespace {

std::shared_ptr<const SampleIndex> IndexOf(const IndexedDataset& dataset) {
  SampleIndexOptions options;
  options.rules.sequence_length = 16;
  options.splits = {{"train", 3}, {"valid", 1}};
  auto index = BuildSampleIndex(dataset, nullptr, options);
  EXPECT_TRUE(index.ok()) << index.status();
  return *index;
}

TEST(CorpusSamples, GivesTheSamplesOfOneSplitInOrder) {
  const auto dataset = SmallDataset(RandomDocuments(1, 40, 30, 100, 0));
  const auto index = IndexOf(*dataset);
  const auto samples = CorpusSamples::Split(dataset, index, "valid");
  ASSERT_TRUE(samples.ok()) << samples.status();
  const DataSplit* split = index->FindSplit("valid");
  ASSERT_EQ((*samples)->num_samples(), split->num_samples);
  EXPECT_EQ((*samples)->num_tokens(), split->num_tokens);
  for (uint64_t s = 0; s < split->num_samples; ++s) {
    SampleTokens mine, wanted;
    ASSERT_TRUE((*samples)->Read(s, &mine).ok());
    ASSERT_TRUE(ReadSampleTokens(*dataset, *index, split->first_sample + s, &wanted).ok());
    EXPECT_EQ(mine.tokens, wanted.tokens);
    EXPECT_EQ(mine.document_starts, wanted.document_starts);
  }
}

TEST(CorpusSamples, NamesTheSplitsThatAreThere) {
  const auto dataset = SmallDataset(RandomDocuments(1, 40, 30, 100, 0));
  const absl::Status status = CorpusSamples::Split(dataset, IndexOf(*dataset), "test").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("train, valid"), absl::string_view::npos) << status;
}

TEST(SampleOrder, EachPassHoldsEverySampleOnceInAnOrderOfItsOwn) {
  SampleOrder order(20, 3), again(20, 3), other(20, 4);
  std::vector<uint64_t> first, second, others;
  for (int i = 0; i < 20; ++i) first.push_back(order.Next());
  for (int i = 0; i < 20; ++i) second.push_back(order.Next());
  for (int i = 0; i < 20; ++i) others.push_back(other.Next());
  EXPECT_EQ(std::set<uint64_t>(first.begin(), first.end()).size(), 20u);
  EXPECT_EQ(std::set<uint64_t>(second.begin(), second.end()).size(), 20u);
  EXPECT_NE(first, second);
  EXPECT_NE(first, others);
  for (const uint64_t s : first) EXPECT_EQ(again.Next(), s);
}

}  // namespace
}  // namespace grouter
