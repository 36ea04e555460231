#include "server/replay/batch_ingest.h"

#include <limits>

#include "gtest/gtest.h"
#include "tests/server/replay/rollout.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

using testing::Rollout;

class BatchIngestTest : public ::testing::Test {
 protected:
  BatchIngestTest() {
    ReplayStoreOptions options;
    options.folder = JoinPath(job_.root, "replay");
    options.unix_ms = [] { return int64_t{5}; };
    store_ = std::make_unique<ReplayStore>(options, &registry_, FileSystem::Local());
  }
  absl::StatusOr<std::unique_ptr<BatchIngest>> Begin(const v1::IngestOpen& open) {
    return BatchIngest::Begin(open, store_.get(), FileSystem::Local());
  }
  std::unique_ptr<BatchIngest> BeginOrDie(const Rollout& rollout) {
    auto ingest = Begin(rollout.Open("actor", 1));
    EXPECT_TRUE(ingest.ok()) << ingest.status();
    return *std::move(ingest);
  }
  std::string Refusal(const v1::IngestOpen& open) {
    const auto ingest = Begin(open);
    EXPECT_EQ(ingest.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(ingest.status().message());
  }
  RouteView Routes(uint64_t sample, uint32_t group) {
    table_ = *store_->Find({"actor", 1});
    return *table_->CheckedRoutes(sample, group);
  }

  const testing::ServedJob job_ = testing::MakeServedJob();
  ArtefactRegistry registry_{{job_.root}, FileSystem::Local()};
  std::unique_ptr<ReplayStore> store_;
  std::shared_ptr<const RoutingTable> table_;
};

TEST_F(BatchIngestTest, TokenMajorMessagesBecomeAPlanePerLayerGroup) {
  Rollout rollout;
  rollout.has_weights = true;
  const auto ingest = BeginOrDie(rollout);
  for (uint32_t s = 0; s < 3; ++s) {
    for (uint32_t t = 0; t < rollout.lengths[s]; t += 2) {
      ASSERT_TRUE(ingest->Add(rollout.Routes(s, t, std::min(t + 2, rollout.lengths[s]))).ok());
    }
  }
  const auto sealed = ingest->Seal();
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  for (uint32_t s = 0; s < 3; ++s) {
    for (uint32_t g = 0; g < rollout.num_layer_groups; ++g) {
      const RouteView routes = Routes(s, g);
      ASSERT_EQ(routes.num_tokens, rollout.lengths[s]);
      for (uint32_t t = 0; t < routes.num_tokens; ++t) {
        EXPECT_EQ(routes.Id(t, 0), rollout.Id(s, t, g, 0));
        EXPECT_EQ(routes.Id(t, 1), rollout.Id(s, t, g, 1));
      }
      float weight = 0;
      memcpy(&weight, routes.weights.data(), sizeof(weight));
      EXPECT_EQ(weight, rollout.Weight(0, 0));
    }
  }
}

TEST_F(BatchIngestTest, TokensThatNoMessageCoversHaveMissingRoutes) {
  Rollout rollout;
  const auto ingest = BeginOrDie(rollout);
  ASSERT_TRUE(ingest->Add(rollout.Routes(0, 1, 4)).ok());  // of 5: 0 and 4 are not covered
  ASSERT_TRUE(ingest->Add(rollout.Routes(1, 0, 9)).ok());
  ASSERT_TRUE(ingest->Add(rollout.Routes(2, 0, 0)).ok());
  ASSERT_TRUE(ingest->Seal().ok());
  const RouteView first = Routes(0, 2);
  EXPECT_TRUE(first.IsMissing(0));
  EXPECT_FALSE(first.IsMissing(1));
  EXPECT_EQ(first.Id(3, 0), rollout.Id(0, 3, 2, 0));
  EXPECT_TRUE(first.IsMissing(4));
  EXPECT_TRUE(Routes(2, 0).IsMissing(0));
}

TEST_F(BatchIngestTest, NegativeIdsAndTheMarkerMeanMissing) {
  Rollout rollout;
  rollout.lengths = {2};
  rollout.num_layer_groups = 1;
  v1::IngestOpen open = rollout.Open("actor", 1);
  open.mutable_shape()->set_missing_id(255);
  const auto ingest = Begin(open);
  ASSERT_TRUE(ingest.ok());
  v1::CapturedRoutes routes = rollout.Routes(0, 0, 2);
  const int32_t ids[] = {-1, -1, 255, 255};
  routes.set_ids(reinterpret_cast<const char*>(ids), sizeof(ids));
  ASSERT_TRUE((*ingest)->Add(routes).ok());
  ASSERT_TRUE((*ingest)->Seal().ok());
  EXPECT_TRUE(Routes(0, 0).IsMissing(0));
  EXPECT_TRUE(Routes(0, 0).IsMissing(1));
}

TEST_F(BatchIngestTest, ABatchWithoutItsLastSamplesIsNotSealed) {
  Rollout rollout;
  const auto ingest = BeginOrDie(rollout);
  ASSERT_TRUE(ingest->Add(rollout.Routes(0, 0, 5)).ok());
  const auto sealed = ingest->Seal();
  EXPECT_EQ(sealed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(sealed.status().message().find("samples 1 to 2"), std::string::npos) << sealed.status();
  EXPECT_TRUE(store_->List("").empty());
}

TEST_F(BatchIngestTest, AShapeThatCannotBeIsRefusedFieldByField) {
  Rollout rollout;
  v1::IngestOpen open = rollout.Open("actor", 1);
  open.mutable_shape()->set_num_experts(1);
  open.mutable_shape()->set_k(17);
  open.mutable_shape()->set_num_layer_groups(0);
  open.mutable_shape()->clear_ids();
  open.mutable_shape()->clear_lengths();
  const std::string refusal = Refusal(open);
  for (const char* field : {"num_experts", "shape.k", "num_layer_groups", "shape.ids", "lengths"}) {
    EXPECT_NE(refusal.find(field), std::string::npos) << field << ": " << refusal;
  }
}

TEST_F(BatchIngestTest, ASampleLargerThanMemoryAllowsIsRefusedBeforeAnyIsTaken) {
  Rollout rollout;
  rollout.lengths = {std::numeric_limits<uint32_t>::max()};
  EXPECT_NE(Refusal(rollout.Open("actor", 1)).find("lengths[0]"), std::string::npos);
}

TEST_F(BatchIngestTest, RoutesThatDoNotFitAreRefusedByName) {
  Rollout rollout;
  const auto refused = [&](const v1::CapturedRoutes& routes, const char* field) {
    const auto ingest = BeginOrDie(rollout);
    EXPECT_TRUE(ingest->Add(rollout.Routes(0, 0, 3)).ok());
    const absl::Status status = ingest->Add(routes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(field), std::string::npos) << status;
  };
  refused(rollout.Routes(2, 0, 1), "sample");       // out of order
  refused(rollout.Routes(0, 2, 4), "first_token");  // token 2 came already
  refused(rollout.Routes(0, 3, 6), "first_token");  // past the end
  v1::CapturedRoutes routes = rollout.Routes(0, 3, 5);
  routes.mutable_ids()->pop_back();
  refused(routes, "ids");
  routes = rollout.Routes(0, 3, 5);
  routes.set_weights("1234");
  refused(routes, "weights");
  routes = rollout.Routes(0, 3, 5);
  const int32_t too_large = 64;
  routes.mutable_ids()->replace(0, 4, reinterpret_cast<const char*>(&too_large), 4);
  refused(routes, "64");
}

TEST_F(BatchIngestTest, ABatchSaysItsShapeAndAge) {
  Rollout rollout;
  const auto ingest = BeginOrDie(rollout);
  for (uint32_t s = 0; s < 3; ++s) ASSERT_TRUE(ingest->Add(rollout.Routes(s, 0, rollout.lengths[s])).ok());
  const auto sealed = ingest->Seal();
  ASSERT_TRUE(sealed.ok());
  const auto table = store_->Find(sealed->batch.key);
  const v1::ReplayBatch batch = DescribeBatch(sealed->batch, table->get(), 2005);
  EXPECT_EQ(batch.num_samples(), 3u);
  EXPECT_EQ(batch.num_tokens(), 15u);
  EXPECT_EQ(batch.num_layer_groups(), 3u);
  EXPECT_EQ(batch.table_digest(), sealed->batch.table.Hex());
  EXPECT_DOUBLE_EQ(batch.age_seconds(), 2.0);
}

}  // namespace
}  // namespace grouter
