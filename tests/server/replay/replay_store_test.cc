#include "server/replay/replay_store.h"

#include "gtest/gtest.h"
#include "io/error.h"
#include "server/replay/batch_ingest.h"
#include "tests/server/replay/rollout.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class ReplayStoreTest : public ::testing::Test {
 protected:
  ReplayStoreTest() { Restart({}); }

  void Restart(ReplayQuota quota) {
    store_.reset();
    registry_ = std::make_unique<ArtefactRegistry>(std::vector<std::string>{root_}, FileSystem::Local());
    ReplayStoreOptions options;
    options.folder = JoinPath(root_, "replay");
    options.quota = quota;
    options.max_open_batches = 2;
    options.unix_ms = [this] { return ++now_; };
    store_ = std::make_unique<ReplayStore>(options, registry_.get(), FileSystem::Local());
    ASSERT_TRUE(store_->Open().ok());
  }
  absl::StatusOr<SealOutcome> Ingest(const std::string& series, uint64_t batch, uint32_t salt = 0) {
    testing::Rollout rollout;
    rollout.salt = salt;
    GROUTER_ASSIGN_OR_RETURN(const auto ingest, BatchIngest::Begin(rollout.Open(series, batch), store_.get(),
                                                                   FileSystem::Local()));
    for (uint32_t s = 0; s < rollout.lengths.size(); ++s) {
      GROUTER_RETURN_IF_ERROR(ingest->Add(rollout.Routes(s, 0, rollout.lengths[s])));
    }
    return ingest->Seal();
  }
  std::vector<uint64_t> Batches(const std::string& series) {
    std::vector<uint64_t> numbers;
    for (const SealedBatch& batch : store_->List(series)) numbers.push_back(batch.key.batch);
    return numbers;
  }
  bool OnDisk(const std::string& below) {
    return FileSystem::Local().Exists(JoinPath(JoinPath(root_, "replay"), below));
  }

  const testing::ServedJob job_ = testing::MakeServedJob();
  const std::string root_ = job_.root;
  int64_t now_ = 1000;
  std::unique_ptr<ArtefactRegistry> registry_;
  std::unique_ptr<ReplayStore> store_;
};

TEST_F(ReplayStoreTest, ASealedBatchIsATableLikeAnyOther) {
  const auto sealed = Ingest("actor", 7);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_FALSE(sealed->already_sealed);
  EXPECT_TRUE(registry_->Table(sealed->batch.table).ok());
  const auto found = store_->Find({"actor", 7});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->content_digest(), sealed->batch.table);
  EXPECT_EQ((*found)->header().causality, Causality::kCaptured);
  EXPECT_EQ(store_->Find({"actor", 8}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ReplayStoreTest, SendingABatchAgainAnswersAsTheFirstTime) {
  const auto first = Ingest("actor", 7);
  const auto again = Ingest("actor", 7);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_sealed);
  EXPECT_EQ(again->batch.table, first->batch.table);
  EXPECT_EQ(again->batch.sealed_unix_ms, first->batch.sealed_unix_ms);
}

TEST_F(ReplayStoreTest, OtherRoutesUnderASealedNameAreRefused) {
  ASSERT_TRUE(Ingest("actor", 7).ok());
  EXPECT_EQ(Ingest("actor", 7, /*salt=*/1).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Batches("actor"), (std::vector<uint64_t>{7}));
}

TEST_F(ReplayStoreTest, ARestartKeepsWhatIsSealedAndNothingElse) {
  const auto sealed = Ingest("actor", 7);
  ASSERT_TRUE(sealed.ok());
  const std::string left = JoinPath(root_, "replay/.unsealed/actor.8.0");
  ASSERT_TRUE(FileSystem::Local().MakeFolders(left).ok());
  Restart({});
  EXPECT_EQ(Batches("actor"), (std::vector<uint64_t>{7}));
  EXPECT_EQ(store_->List("actor")[0].sealed_unix_ms, sealed->batch.sealed_unix_ms);
  EXPECT_FALSE(FileSystem::Local().Exists(left));
}

TEST_F(ReplayStoreTest, AClaimThatIsNotSealedLeavesNothing) {
  auto claim = store_->Begin({"actor", 7}, 100);
  ASSERT_TRUE(claim.ok());
  const std::string folder = (*claim)->folder();
  EXPECT_TRUE(FileSystem::Local().Exists(folder));
  claim->reset();
  EXPECT_FALSE(FileSystem::Local().Exists(folder));
  EXPECT_TRUE(Batches("").empty());
}

TEST_F(ReplayStoreTest, OnlySoManyBatchesAreOpenAtATime) {
  auto first = store_->Begin({"actor", 1}, 1);
  auto second = store_->Begin({"actor", 2}, 1);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(store_->Begin({"actor", 3}, 1).status().code(), absl::StatusCode::kResourceExhausted);
  first->reset();
  EXPECT_TRUE(store_->Begin({"actor", 3}, 1).ok());
}

TEST_F(ReplayStoreTest, RetentionRemovesOldBatchesFromTheDisk) {
  Restart({uint64_t{1} << 30, 2});
  for (uint64_t batch = 1; batch <= 4; ++batch) {
    ASSERT_TRUE(Ingest("actor", batch, static_cast<uint32_t>(batch)).ok());
  }
  EXPECT_EQ(Batches("actor"), (std::vector<uint64_t>{3, 4}));
  EXPECT_FALSE(OnDisk("actor/1"));
  EXPECT_TRUE(OnDisk("actor/4"));
  EXPECT_EQ(store_->num_evicted(), 2u);
}

TEST_F(ReplayStoreTest, ABatchThatSomeoneReadsStays) {
  Restart({uint64_t{1} << 30, 1});
  ASSERT_TRUE(Ingest("actor", 1, 1).ok());
  auto reading = store_->Find({"actor", 1});
  ASSERT_TRUE(reading.ok());
  EXPECT_EQ(store_->Drop({"actor", 1}).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Ingest("actor", 2, 2).ok());
  EXPECT_EQ(Batches("actor"), (std::vector<uint64_t>{1, 2}));
  reading->reset();
  EXPECT_TRUE(store_->Drop({"actor", 1}).ok());
  EXPECT_EQ(store_->Drop({"actor", 1}).code(), absl::StatusCode::kNotFound);
}

TEST_F(ReplayStoreTest, ABatchThatDoesNotFitTheQuotaIsRefusedBeforeItIsWritten) {
  Restart({1000, 4});
  EXPECT_EQ(store_->Begin({"actor", 1}, 1001).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store_->Begin({"a/b", 1}, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
