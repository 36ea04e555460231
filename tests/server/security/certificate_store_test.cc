#include "server/security/certificate_store.h"

#include <ctime>

#include "gtest/gtest.h"
#include "tests/testing/serving/certificate_files.h"
#include "tests/testing/short_folder.h"

namespace grouter {
namespace {

class CertificateStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<CertificateStore>> Open(CertificateStore::Clock clock) {
    return CertificateStore::Open(
        {files_.Path("server.pem"), files_.Path("server.key"), files_.Path("ca.pem")}, FileSystem::Local(),
        std::move(clock));
  }
  void Put(const KeyPair& pair) {
    files_.Write("server.pem", pair.certificate);
    files_.Write("server.key", pair.key);
  }
  testing::ShortFolder folder_;
  testing::CertificateFiles files_{folder_.path()};
};

TEST_F(CertificateStoreTest, ANewPairGoesLiveAndAnUnchangedOneDoesNot) {
  const auto store = Open(CertificateStore::SystemClock);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(*(*store)->Reload(), false);
  const KeyPair next = files_.Make(Role::kServer, {"localhost"}, testing::ValidFor(3));
  Put(next);
  EXPECT_EQ(*(*store)->Reload(), true);
  EXPECT_EQ((*store)->current()->texts.chain, next.certificate);
  EXPECT_EQ((*store)->current()->generation, 2u);
  EXPECT_EQ((*store)->counters().reloads, 2u);
  EXPECT_FALSE((*store)->counters().stale);
}

TEST_F(CertificateStoreTest, ABadPairKeepsTheOneInUseIsCountedAndToldOnce) {
  const auto store = Open(CertificateStore::SystemClock);
  ASSERT_TRUE(store.ok());
  const auto before = (*store)->current();
  const std::string key = before->texts.key;
  files_.Write("server.key", files_.Make(Role::kServer, {"localhost"}).key);
  EXPECT_EQ((*store)->Reload().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*(*store)->Reload(), false);  // told once
  EXPECT_EQ((*store)->current(), before);
  EXPECT_EQ((*store)->counters().refused, 1u);
  EXPECT_TRUE((*store)->counters().stale);
  ASSERT_TRUE(FileSystem::Local().Remove(files_.Path("server.key")).ok());
  EXPECT_FALSE((*store)->Reload().ok());
  EXPECT_EQ(*(*store)->Reload(), false);
  EXPECT_EQ((*store)->current(), before);
  files_.Write("server.key", key);  // what is in use is back
  EXPECT_EQ(*(*store)->Reload(), false);
  EXPECT_FALSE((*store)->counters().stale);
}

TEST_F(CertificateStoreTest, ABadPairAtTheStartIsAnError) {
  Put(files_.Make(Role::kServer, {"localhost"}, testing::ValidFor(-1)));
  EXPECT_EQ(Open(CertificateStore::SystemClock).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(FileSystem::Local().Remove(files_.Path("server.pem")).ok());
  EXPECT_EQ(Open(CertificateStore::SystemClock).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CertificateStoreTest, AClockThatJumpsDoesNotTakeThePairInUseAway) {
  int64_t now = std::time(nullptr);
  const auto store = Open([&now] { return now; });
  ASSERT_TRUE(store.ok());
  now += 1000 * int64_t{86400};
  EXPECT_EQ(*(*store)->Reload(), false);
  EXPECT_EQ((*store)->current()->generation, 1u);
  Put(files_.Make(Role::kServer, {"localhost"}));
  EXPECT_FALSE((*store)->Reload().ok());
  EXPECT_EQ((*store)->current()->generation, 1u);
}

}  // namespace
}  // namespace grouter
