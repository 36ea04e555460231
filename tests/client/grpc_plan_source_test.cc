#include "client/grpc_plan_source.h"

#include <chrono>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.grpc.pb.h"
#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
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

// A rolling upgrade: one server holds the newer planner back until it is told otherwise.
TEST_F(GrpcPlanSourceTest, JobsOfTwoPlannerVersionsAreServedSideBySide) {
  testing::ServedJob older = job_, newer = job_;
  older.spec.draft.planner_version = kPlannerVersion - 1;
  for (testing::ServedJob* job : {&older, &newer}) {
    PlacementSchedule schedule = *job_.schedule;
    schedule.draft = job->spec.draft.digest();
    job->spec.schedule = schedule.digest();
    job->schedule = std::make_shared<const PlacementSchedule>(std::move(schedule));
  }
  server::ServerConfig config = testing::TestConfig(job_.root);
  const auto upgraded = testing::StartServer(config);
  config.set_max_planner_version(kPlannerVersion - 1);
  const auto waiting = testing::StartServer(config);
  for (Server* server : {upgraded.get(), waiting.get()}) {
    ASSERT_TRUE(server->stats().artefacts->StoreSchedule(*older.schedule).ok());
  }
  const auto follow = [&](const testing::ServedJob& job, const std::vector<std::string>& servers) {
    GrpcPlanSourceOptions options = Options(servers);
    options.spec = job.spec;
    auto source = ConnectPlanSource(options);
    if (!source.ok()) return source.status();
    const auto oracle = job.Local(0);
    for (uint64_t step = 0; step < 6; ++step) {
      EXPECT_EQ(StepBytes(source->get(), step), StepBytes(oracle.get(), step));
      EXPECT_EQ(MicroBatchBytes(source->get(), step, 1), MicroBatchBytes(oracle.get(), step, 1));
    }
    return absl::OkStatus();
  };
  const std::string new_one = upgraded->addresses()[0], old_one = waiting->addresses()[0];
  EXPECT_TRUE(follow(older, {old_one}).ok());
  EXPECT_TRUE(follow(older, {new_one}).ok());
  EXPECT_TRUE(follow(newer, {old_one, new_one}).ok());
  EXPECT_EQ(follow(newer, {old_one}).code(), absl::StatusCode::kUnimplemented);
  config.set_max_planner_version(kPlannerVersion);
  ASSERT_TRUE(waiting->Reload(config).ok());
  EXPECT_TRUE(follow(newer, {old_one}).ok());
  EXPECT_TRUE(follow(older, {old_one}).ok());
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

// Each call's trace context, by the call's name.
class TraceRecord {
 public:
  void Add(const std::string& call, const grpc::ServerContext& context) {
    const auto it = context.client_metadata().find("traceparent");
    MutexLock lock(&mutex_);
    seen_[call] =
        it == context.client_metadata().end() ? "none" : std::string(it->second.data(), it->second.size());
  }
  std::map<std::string, std::string> seen() {
    MutexLock lock(&mutex_);
    return seen_;
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::string> seen_ ABSL_GUARDED_BY(mutex_);
};

class TracedCatalog : public v1::CatalogService::Service {
 public:
  explicit TracedCatalog(TraceRecord* record) : record_(record) {}
  grpc::Status RegisterJob(grpc::ServerContext* context, const v1::RegisterJobRequest* request,
                           v1::RegisterJobResponse* response) override {
    record_->Add("RegisterJob", *context);
    response->set_job_digest(request->expected_digest());
    response->set_num_steps(6);
    response->set_world_size(8);
    response->set_num_micro_batches(2);
    return grpc::Status::OK;
  }

 private:
  TraceRecord* const record_;
};

class TracedPlans : public v1::PlanService::Service {
 public:
  explicit TracedPlans(TraceRecord* record) : record_(record) {}
  grpc::Status StreamPlans(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StreamPlansResponse, v1::StreamPlansRequest>*) override {
    record_->Add("StreamPlans", *context);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "seen enough");
  }
  grpc::Status GetPlacement(grpc::ServerContext* context, const v1::GetPlacementRequest*,
                            v1::GetPlacementResponse*) override {
    record_->Add("GetPlacement", *context);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "seen enough");
  }

 private:
  TraceRecord* const record_;
};

TEST_F(GrpcPlanSourceTest, EveryCallCarriesTheTraceContext) {
  TraceRecord record;
  TracedCatalog catalog(&record);
  TracedPlans plans(&record);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&catalog);
  builder.RegisterService(&plans);
  const auto server = builder.BuildAndStart();
  GrpcPlanSourceOptions options = Options({absl::StrCat("127.0.0.1:", port)});
  options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  options.server_timeout = std::chrono::milliseconds(500);
  const auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_FALSE((*source)->PlacementAt(0).ok());
  EXPECT_FALSE((*source)->Step(0).ok());
  const std::map<std::string, std::string> expected = {{"RegisterJob", options.traceparent},
                                                       {"StreamPlans", options.traceparent},
                                                       {"GetPlacement", options.traceparent}};
  EXPECT_EQ(record.seen(), expected);
}

TEST_F(GrpcPlanSourceTest, TellsTheServerHowFarItIs) {
  testing::ServedJobOptions long_job;
  long_job.num_steps = 20000;  // more than its window holds: the stream stays open
  const testing::ServedJob job = testing::MakeServedJob(long_job);
  const auto server = testing::StartServer(job.root);
  GrpcPlanSourceOptions options = Options({server->addresses()[0]});
  options.spec = job.spec;
  options.window_bytes = 1;
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_TRUE((*source)->Step(20).ok());
  (*source)->Finished(1);
  const auto stub = v1::StatsService::NewStub(
      grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials()));
  v1::GetStatsResponse stats;
  for (int looks = 0; looks < 1000; ++looks) {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->GetStats(&context, v1::GetStatsRequest(), &stats).ok());
    if (stats.jobs(0).workers(0).has_ahead_steps()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(stats.jobs(0).workers(0).step_finished(), 1u);
  EXPECT_GE(stats.jobs(0).workers(0).ahead_steps(), 18u);  // steps 2 to 19
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
