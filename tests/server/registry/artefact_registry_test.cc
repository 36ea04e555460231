#include "server/registry/artefact_registry.h"

#include "gtest/gtest.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class ArtefactRegistryTest : public ::testing::Test {
 protected:
  const testing::ServedJob job_ = testing::MakeServedJob();
  const Digest table_ = job_.tables[0]->content_digest();
  ArtefactRegistry registry_{{job_.root}, FileSystem::Local()};
};

TEST_F(ArtefactRegistryTest, OpensOnFirstUseAndSharesWhatIsOpen) {
  const auto first = registry_.Table(table_);
  const auto second = registry_.Table(table_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->get(), second->get());
  EXPECT_TRUE(registry_.Schedule(job_.spec.schedule).ok());
}

TEST_F(ArtefactRegistryTest, WhatNoRootHasIsNotFound) {
  EXPECT_EQ(registry_.Table(Sha256("x")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_.Schedule(table_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ArtefactRegistryTest, FindsWhatAppearsLater) {
  PlacementSchedule later = *job_.schedule;
  later.predicted_step_ns = 77;
  EXPECT_EQ(registry_.Schedule(later.digest()).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(registry_.StoreSchedule(later).ok());
  EXPECT_TRUE(registry_.Schedule(later.digest()).ok());
}

TEST_F(ArtefactRegistryTest, PinnedTablesStayOpenAndUsedOnesAreNotForgotten) {
  ASSERT_TRUE(registry_.PinTable(table_).ok());
  ASSERT_EQ(registry_.ListTables().size(), 1u);
  EXPECT_TRUE(registry_.ListTables()[0].pinned);
  EXPECT_EQ(registry_.ListTables()[0].num_users, 0);
  {
    const auto user = registry_.Table(table_);
    EXPECT_EQ(registry_.UnpinTable(table_).code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(registry_.UnpinTable(table_).ok());
  EXPECT_EQ(registry_.ListTables()[0].value, nullptr);
}

TEST_F(ArtefactRegistryTest, DamagedTablesAnswerDataLossUntilForgotten) {
  ASSERT_TRUE(registry_.Table(table_).ok());
  registry_.MarkDamaged(table_, "a file shrank");
  EXPECT_EQ(registry_.Table(table_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(registry_.DamageOf(table_), "a file shrank");
  EXPECT_EQ(registry_.DamageOf(Sha256("x")), "");
  ASSERT_TRUE(registry_.UnpinTable(table_).ok());
  EXPECT_TRUE(registry_.Table(table_).ok());
}

TEST_F(ArtefactRegistryTest, ErrorsNameNoPathOutsideTheRoot) {
  ASSERT_TRUE(registry_.Table(table_).ok());
  ASSERT_TRUE(FileSystem::Local().RemoveTree(job_.table_path).ok());
  const absl::Status status = registry_.Table(table_).status();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(std::string(status.message()).find(job_.root), std::string::npos);
}

TEST(ArtefactRegistryErrorsTest, WhatCannotBeStoredNamesNoPathOfTheMachine) {
  ArtefactRegistry registry({"/dev/null/secret"}, FileSystem::Local());
  const absl::Status stored = registry.StoreSchedule(PlacementSchedule());
  EXPECT_FALSE(stored.ok());
  EXPECT_EQ(std::string(stored.message()).find("secret"), std::string::npos);
}

TEST(ArtefactRegistryErrorsTest, ATableIsNamedByItsPathBelowTheRootUntilItIsGone) {
  const testing::ServedJob job = testing::MakeServedJob();
  ArtefactRegistry registry({job.root}, FileSystem::Local());
  EXPECT_EQ(registry.TableName(job.tables[0]->content_digest()), "tables/train");
  EXPECT_EQ(registry.TableName(Digest()), "");
  EXPECT_EQ(registry.Table(Digest()).status(), ArtefactRegistry::NoSuchTable(Digest()));
}

}  // namespace
}  // namespace grouter
