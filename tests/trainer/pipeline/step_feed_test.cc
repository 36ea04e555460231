#include "trainer/pipeline/step_feed.h"

#include <gtest/gtest.h>

#include "tests/testing/training/small_training.h"

namespace grouter {
namespace {

using testing::SmallTraining;

struct Feeding {
  explicit Feeding(const testing::SmallTrainingOptions& options)
      : folder(
            JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        training(folder, options),
        config(training.Config("run", job)),
        source(training.PlanSources(job)(config.train, 0).value()) {
    tokens.resize(1);
    tokens[0].dataset = IndexedDataset::Open(config.datasets[0].prefix).value();
    tokens[0].index = SampleIndex::Open(config.datasets[0].sample_index).value();
    feed.end_step = 4;
    feed.num_experts_per_tok = 2;
  }
  std::string folder;
  SmallTraining::JobOptions job;
  SmallTraining training;
  TrainerConfig config;
  std::unique_ptr<PlanSource> source;
  std::vector<TokenSource> tokens;
  StepFeedOptions feed;
};

TEST(StepFeed, GivesTokensLabelsAndSegmentsOfThePlannedSamples) {
  testing::SmallTrainingOptions options;
  options.one_document_samples = true;
  Feeding f(options);
  const auto batch = StepFeed::Make(*f.source, f.tokens, f.feed, 1, nullptr);
  ASSERT_TRUE(batch.ok()) << batch.status();
  const auto plan = f.source->MicroBatch(1, 0).value();
  const MicroBatchInput& input = (*batch)->micro_batches[0];
  ASSERT_EQ(input.num_tokens(), plan->num_tokens);
  uint64_t loss_tokens = 0;
  for (int32_t label : input.labels) loss_tokens += label >= 0;
  EXPECT_EQ(loss_tokens, (*batch)->part->num_loss_tokens);
  // Segments cover all tokens in order, positions count inside them, labels are the next tokens.
  uint32_t at = 0;
  for (const Segment& segment : input.segments) {
    EXPECT_EQ(segment.first, at);
    for (uint32_t i = 0; i < segment.length; ++i) {
      EXPECT_EQ(input.positions[at + i], static_cast<int32_t>(i));
      if (i + 1 < segment.length) {
        EXPECT_EQ(input.labels[at + i], input.tokens[at + i + 1]);
      }
    }
    at += segment.length;
  }
  EXPECT_EQ(at, input.num_tokens());
  ASSERT_EQ(input.routes.size(), 1u);
  EXPECT_EQ(input.routes[0].ids.size(), 2u * at);
}

TEST(StepFeed, WithCrossDocumentASampleIsOneSegment) {
  testing::SmallTrainingOptions options;
  options.cross_document = true;
  Feeding f(options);
  const auto batch = StepFeed::Make(*f.source, f.tokens, f.feed, 0, nullptr).value();
  EXPECT_EQ(batch->micro_batches[0].segments.size(), f.source->MicroBatch(0, 0).value()->samples.size());
}

TEST(StepFeed, TheThreadGivesWhatMakeGivesInOrderAndThenEnds) {
  Feeding f({});
  StepEventLog log;
  StepFeed feed(f.source.get(), f.tokens, f.feed, &log);
  for (uint64_t step = 0; step < 4; ++step) {
    const auto next = feed.Next();
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ((*next)->part->step, step);
    const auto made = StepFeed::Make(*f.source, f.tokens, f.feed, step, nullptr).value();
    EXPECT_EQ((*next)->micro_batches[0].tokens, made->micro_batches[0].tokens);
  }
  EXPECT_TRUE(absl::IsOutOfRange(feed.Next().status()));
}

TEST(StepFeed, AnErrorOfTheSourceComesOutAndAnAbandonedFeedEnds) {
  Feeding f({});
  f.source->Close();
  {
    StepFeed feed(f.source.get(), f.tokens, f.feed, nullptr);
    EXPECT_FALSE(feed.Next().ok() && feed.Next().ok() && feed.Next().ok() && feed.Next().ok() &&
                 feed.Next().ok());
  }
  Feeding g({});
  g.feed.depth = 1;
  StepFeed abandoned(g.source.get(), g.tokens, g.feed, nullptr);
  EXPECT_TRUE(abandoned.Next().ok());
}

TEST(StepFeed, TokensOfAnotherCorpusAreDataLoss) {
  Feeding f({});
  testing::SmallTrainingOptions other;
  other.seed = 99;
  SmallTraining elsewhere(f.folder + "_other", other);
  f.tokens[0].dataset = IndexedDataset::Open(f.folder + "_other/tokens").value();
  f.tokens[0].index = SampleIndex::Open(f.folder + "_other/samples.gsi").value();
  bool lost = false;
  for (uint64_t step = 0; step < 4; ++step) {
    lost |= absl::IsDataLoss(StepFeed::Make(*f.source, f.tokens, f.feed, step, nullptr).status());
  }
  EXPECT_TRUE(lost);
}

TEST(ExpertAccesses, GoForwardThenBackwardThenSumThenUpdate) {
  StepBatch batch;
  batch.micro_batches.resize(1);
  MicroBatchRoute route;
  ChunkRoute chunk;
  chunk.recv_pairs = {1, 0};
  route.chunks = {chunk};
  batch.micro_batches[0].routes = {route};
  const std::vector<StoredExpert> expected = {{0, 0}, {1, 0}, {1, 0}, {0, 0}, {0, 0}, {0, 1},
                                              {1, 0}, {1, 1}, {1, 1}, {1, 0}, {0, 1}, {0, 0}};
  EXPECT_EQ(ExpertAccesses(batch, {0, 0}, 2, true), expected);
  EXPECT_EQ(ExpertAccesses(batch, {0, 0}, 2, false), (std::vector<StoredExpert>{{0, 0}, {1, 0}}));
  batch.micro_batches[0].routes.clear();
  EXPECT_TRUE(ExpertAccesses(batch, {0, 0}, 2, true).empty());
}

}  // namespace
}  // namespace grouter
