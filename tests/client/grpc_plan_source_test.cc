#include "client/grpc_plan_source.h"

#include "absl/strings/str_cat.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "io/mutex.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

using testing::MicroBatchBytes;
using testing::StepBytes;

class GrpcPlanSourceTest : public ::testing::Test {
 protected:
  GrpcPlanSourceOptions Options(const std::vector<std::string>& servers) {
    GrpcPlanSourceOptions options;
    options.servers = servers;
    options.spec = job_.spec;
    return options;
  }
  void ExpectStep(PlanSource* source, uint64_t step) {
    const auto oracle = job_.Local(source->rank());
    EXPECT_EQ(StepBytes(source, step), StepBytes(oracle.get(), step));
    for (uint32_t m = 0; m < 2; ++m) {
      EXPECT_EQ(MicroBatchBytes(source, step, m), MicroBatchBytes(oracle.get(), step, m));
    }
  }
  const testing::ServedJob job_ = testing::MakeServedJob();
};

TEST_F(GrpcPlanSourceTest, WalksTheListToAServerThatAnswers) {
  const auto server = testing::StartServer(job_.root);
  std::vector<std::string> events;
  Mutex mutex;
  GrpcPlanSourceOptions options = Options({"127.0.0.1:1", server->addresses()[0]});
  options.on_event = [&](const std::string& event) {
    MutexLock lock(&mutex);
    events.push_back(event);
  };
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  ExpectStep(source->get(), 0);
  source->reset();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].rfind("127.0.0.1:1: ", 0), 0u);
}

TEST_F(GrpcPlanSourceTest, GoesOnWithTheNextServerWhenOneEnds) {
  auto first = testing::StartServer(job_.root);
  const auto second = testing::StartServer(job_.root);
  GrpcPlanSourceOptions options = Options({first->addresses()[0], second->addresses()[0]});
  options.window_bytes = 1;
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  ExpectStep(source->get(), 0);
  first.reset();
  for (uint64_t step = 1; step < 6; ++step) ExpectStep(source->get(), step);
  EXPECT_TRUE((*source)->PlacementAt(5).ok());
}

TEST_F(GrpcPlanSourceTest, ARestartedServerIsRegisteredWithAgain) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  auto server = testing::StartServer(config);
  config.set_listen(0, server->addresses()[0]);
  auto source = ConnectPlanSource(Options({server->addresses()[0]}));
  ASSERT_TRUE(source.ok()) << source.status();
  ExpectStep(source->get(), 0);
  server.reset();
  server = testing::StartServer(config);
  for (uint64_t step = 5; step > 0; --step) ExpectStep(source->get(), step);
}

TEST_F(GrpcPlanSourceTest, WithoutAServerItSaysWhomItTried) {
  GrpcPlanSourceOptions options = Options({"127.0.0.1:1"});
  options.server_timeout = std::chrono::milliseconds(200);
  const auto source = ConnectPlanSource(options);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(source.status().message()).find("127.0.0.1:1"), std::string::npos);
  EXPECT_EQ(ConnectPlanSource(Options({})).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GrpcPlanSourceTest, AWrongJobFailsAtOnce) {
  const auto server = testing::StartServer(job_.root);
  GrpcPlanSourceOptions options = Options({server->addresses()[0]});
  options.rank = 9;
  EXPECT_EQ(ConnectPlanSource(options).status().code(), absl::StatusCode::kOutOfRange);
  options.rank = 0;
  options.spec.draft.planner_version = 99;
  EXPECT_EQ(ConnectPlanSource(options).status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(GrpcPlanSourceTest, AServerThatLacksThePlannerVersionIsPassedOver) {
  v1::CatalogService::Service lacking;  // answers every call with UNIMPLEMENTED
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&lacking);
  const auto old = builder.BuildAndStart();
  const std::string old_address = absl::StrCat("127.0.0.1:", port);
  const auto server = testing::StartServer(job_.root);
  auto source = ConnectPlanSource(Options({old_address, server->addresses()[0]}));
  ASSERT_TRUE(source.ok()) << source.status();
  for (uint64_t step = 0; step < 6; ++step) ExpectStep(source->get(), step);
  EXPECT_EQ(ConnectPlanSource(Options({old_address, old_address})).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(GrpcPlanSourceTest, CarriesOnWithAnEmbeddedPlannerWhenNoServerIsLeft) {
  auto server = testing::StartServer(job_.root);
  GrpcPlanSourceOptions options = Options({server->addresses()[0]});
  options.server_timeout = std::chrono::milliseconds(300);
  options.fallback = job_.Local(0);
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  ExpectStep(source->get(), 0);
  server.reset();
  for (uint64_t step = 1; step < 6; ++step) {
    EXPECT_EQ(StepBytes(source->get(), step), StepBytes(job_.Local(0).get(), step));
  }
}

TEST_F(GrpcPlanSourceTest, AnOlderGenerationIsToldOfTheNewestJob) {
  const auto server = testing::StartServer(job_.root);
  JobSpec next = job_.spec;
  next.draft.continues = Continues{job_.spec.digest(), 8};
  PlacementSchedule schedule = *job_.schedule;
  schedule.draft = next.draft.digest();
  next.schedule = schedule.digest();
  ASSERT_TRUE(server->stats().artefacts->StoreSchedule(schedule).ok());
  ASSERT_TRUE(server->stats().jobs->Register(next, "").ok());
  Mutex mutex;
  CondVar changed;
  Digest told;
  GrpcPlanSourceOptions options = Options({server->addresses()[0]});
  options.on_newer_job = [&](const Digest& newest) {
    MutexLock lock(&mutex);
    told = newest;
    changed.SignalAll();
  };
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  ExpectStep(source->get(), 0);
  MutexLock lock(&mutex);
  while (told.IsZero()) changed.Wait(&mutex);
  EXPECT_EQ(told, next.digest());
}

TEST_F(GrpcPlanSourceTest, CountsWhatItDid) {
  const auto server = testing::StartServer(job_.root);
  auto source = ConnectPlanSource(Options({server->addresses()[0]}));
  ASSERT_TRUE(source.ok());
  ExpectStep(source->get(), 0);
  (*source)->Finished(0);
  EXPECT_GE((*source)->metrics().parts, 3u);
  EXPECT_GT((*source)->metrics().payload_bytes, 0u);
  EXPECT_EQ((*source)->metrics().streams, 1u);
  EXPECT_EQ((*source)->metrics().failed_checks, 0u);
}

}  // namespace
}  // namespace grouter
