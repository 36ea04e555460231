#include "server/service/catalog_service.h"

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class CatalogServiceTest : public RawClientTest {
 protected:
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    return (catalog_.get()->*method)(&context, request, response);
  }
  using Stub = v1::CatalogService::Stub;
};

TEST_F(CatalogServiceTest, ListsTablesSchedulesAndJobs) {
  ServeWithJob();
  v1::ListTablesResponse tables;
  ASSERT_TRUE(Call(&Stub::ListTables, v1::ListTablesRequest(), &tables).ok());
  ASSERT_EQ(tables.tables_size(), 1);
  EXPECT_EQ(tables.tables(0).digest(), job_.tables[0]->content_digest().Hex());
  EXPECT_EQ(tables.tables(0).path(), "tables/train");
  EXPECT_EQ(tables.tables(0).num_users(), 1u);
  EXPECT_EQ(tables.tables(0).num_experts(), 8u);
  v1::ListSchedulesResponse schedules;
  ASSERT_TRUE(Call(&Stub::ListSchedules, v1::ListSchedulesRequest(), &schedules).ok());
  ASSERT_EQ(schedules.schedules_size(), 1);
  EXPECT_EQ(schedules.schedules(0).num_placement_epochs(), 2u);
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(Call(&Stub::ListJobs, v1::ListJobsRequest(), &jobs).ok());
  ASSERT_EQ(jobs.jobs_size(), 1);
  EXPECT_EQ(jobs.jobs(0).label(), "a job");
  EXPECT_EQ(jobs.jobs(0).num_steps(), 6u);
}

TEST_F(CatalogServiceTest, DescribesByPrefix) {
  ServeWithJob();
  v1::DescribeTableRequest table;
  table.set_digest(job_.tables[0]->content_digest().Hex().substr(0, 8));
  v1::DescribeTableResponse described;
  EXPECT_TRUE(Call(&Stub::DescribeTable, table, &described).ok());
  table.set_digest("12");
  EXPECT_EQ(Call(&Stub::DescribeTable, table, &described).error_code(), grpc::StatusCode::NOT_FOUND);
  v1::DescribeScheduleRequest schedule;
  schedule.set_digest(job_.spec.schedule.Hex());
  v1::DescribeScheduleResponse schedule_described;
  ASSERT_TRUE(Call(&Stub::DescribeSchedule, schedule, &schedule_described).ok());
  EXPECT_EQ(schedule_described.schedule().draft_digest(), job_.spec.draft.digest().Hex());
  v1::DescribeJobRequest job;
  job.set_digest(digest_);
  v1::DescribeJobResponse job_described;
  ASSERT_TRUE(Call(&Stub::DescribeJob, job, &job_described).ok());
  EXPECT_EQ(FromWire(job_described.job().spec(), "spec")->digest(), job_.spec.digest());
}

TEST_F(CatalogServiceTest, RefusesAJobItDoesNotUnderstandWhole) {
  ServeWithJob();
  v1::RegisterJobRequest request;
  *request.mutable_spec() = ToWire(job_.spec);
  v1::RegisterJobResponse response;
  ASSERT_TRUE(Call(&Stub::RegisterJob, request, &response).ok());
  EXPECT_TRUE(response.already_registered());
  EXPECT_EQ(response.job_digest(), job_.spec.digest().Hex());
  request.set_expected_digest(std::string(64, '0'));
  EXPECT_EQ(Call(&Stub::RegisterJob, request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_expected_digest();
  request.set_label("a\nlabel");
  EXPECT_EQ(Call(&Stub::RegisterJob, request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_label();
  auto* draft = request.mutable_spec()->mutable_draft();
  draft->GetReflection()->MutableUnknownFields(draft)->AddVarint(1000, 1);
  const grpc::Status refused = Call(&Stub::RegisterJob, request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(refused.error_message().find("spec.draft"), std::string::npos);
}

TEST_F(CatalogServiceTest, APlannerVersionItLacksIsUnimplemented) {
  ServeWithJob();
  v1::RegisterJobRequest request;
  JobSpec spec = job_.spec;
  spec.draft.planner_version = kPlannerVersion + 1;
  *request.mutable_spec() = ToWire(spec);
  v1::RegisterJobResponse response;
  EXPECT_EQ(Call(&Stub::RegisterJob, request, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(CatalogServiceTest, UnloadingWaitsForTheUsers) {
  ServeWithJobForOwner();
  const std::string table = job_.tables[0]->content_digest().Hex();
  v1::LoadTableRequest load;
  load.set_digest(table);
  v1::LoadTableResponse loaded;
  ASSERT_TRUE(Call(&Stub::LoadTable, load, &loaded).ok());
  EXPECT_TRUE(loaded.table().pinned());
  v1::UnloadTableRequest unload;
  unload.set_digest(table);
  v1::UnloadTableResponse unloaded;
  EXPECT_EQ(Call(&Stub::UnloadTable, unload, &unloaded).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  unload.set_mode(v1::UNLOAD_MODE_DRAIN);
  unload.set_drain_deadline_ms(60);
  EXPECT_EQ(Call(&Stub::UnloadTable, unload, &unloaded).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  v1::ForgetJobRequest forget;
  forget.set_digest(digest_);
  v1::ForgetJobResponse forgotten;
  EXPECT_EQ(Call(&Stub::ForgetJob, forget, &forgotten).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  forget.set_mode(v1::UNLOAD_MODE_DRAIN);
  forget.set_drain_deadline_ms(1000);
  EXPECT_TRUE(Call(&Stub::ForgetJob, forget, &forgotten).ok());
  unload.set_drain_deadline_ms(5000);
  EXPECT_TRUE(Call(&Stub::UnloadTable, unload, &unloaded).ok());
  v1::LoadScheduleRequest load_schedule;
  load_schedule.set_digest(job_.spec.schedule.Hex());
  v1::LoadScheduleResponse loaded_schedule;
  EXPECT_TRUE(Call(&Stub::LoadSchedule, load_schedule, &loaded_schedule).ok());
  v1::UnloadScheduleRequest unload_schedule;
  unload_schedule.set_digest(job_.spec.schedule.Hex());
  v1::UnloadScheduleResponse unloaded_schedule;
  EXPECT_TRUE(Call(&Stub::UnloadSchedule, unload_schedule, &unloaded_schedule).ok());
}

TEST_F(CatalogServiceTest, AdministeringNeedsAPrincipalOnLoopbackToo) {
  ServeWithJob();
  v1::LoadTableRequest load;
  load.set_digest(job_.tables[0]->content_digest().Hex());
  v1::LoadTableResponse loaded;
  const grpc::Status known = Call(&Stub::LoadTable, load, &loaded);
  EXPECT_EQ(known.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  load.set_digest(std::string(64, '0'));
  EXPECT_EQ(Call(&Stub::LoadTable, load, &loaded).error_message(), known.error_message());
}

TEST_F(CatalogServiceTest, WhatIsForbiddenIsAnsweredAsWhatIsUnknown) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.set_listen(0, "unix:" + folder_.path() + "/socket");
  ServeWithJob(config);
  server_.reset();
  for (auto& rule : *config.mutable_access()) rule.set_tables(0, "another/*");
  Serve(config);
  const std::string here = job_.tables[0]->content_digest().Hex();
  const auto expect_same = [&](auto method, auto request, auto set, const std::string& known, auto response) {
    set(&request, known);
    const grpc::Status forbidden = Call(method, request, &response);
    set(&request, std::string(64, 'a'));
    const grpc::Status unknown = Call(method, request, &response);
    EXPECT_EQ(forbidden.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
    const auto without = [](std::string text, const std::string& digest) {
      const size_t at = text.find(digest);
      return at == std::string::npos ? text : text.erase(at, digest.size());
    };
    EXPECT_EQ(without(forbidden.error_message(), known),
              without(unknown.error_message(), std::string(64, 'a')));
  };
  const auto set_digest = [](auto* request, const std::string& digest) { request->set_digest(digest); };
  expect_same(&Stub::DescribeTable, v1::DescribeTableRequest(), set_digest, here,
              v1::DescribeTableResponse());
  expect_same(&Stub::LoadTable, v1::LoadTableRequest(), set_digest, here, v1::LoadTableResponse());
  expect_same(&Stub::UnloadTable, v1::UnloadTableRequest(), set_digest, here, v1::UnloadTableResponse());
  expect_same(&Stub::DescribeSchedule, v1::DescribeScheduleRequest(), set_digest, job_.spec.schedule.Hex(),
              v1::DescribeScheduleResponse());
  ASSERT_TRUE(server_->stats().jobs->Register(job_.spec, "").ok());
  expect_same(&Stub::DescribeJob, v1::DescribeJobRequest(), set_digest, digest_, v1::DescribeJobResponse());
  expect_same(&Stub::ForgetJob, v1::ForgetJobRequest(), set_digest, digest_, v1::ForgetJobResponse());
  v1::RegisterJobRequest request;
  const auto set_table = [&](auto* r, const std::string& digest) {
    *r->mutable_spec() = ToWire(job_.spec);
    r->mutable_spec()->mutable_draft()->mutable_tables(0)->set_table_digest(digest);
  };
  expect_same(&Stub::RegisterJob, request, set_table, here, v1::RegisterJobResponse());
  v1::ListTablesResponse tables;
  ASSERT_TRUE(Call(&Stub::ListTables, v1::ListTablesRequest(), &tables).ok());
  EXPECT_EQ(tables.tables_size(), 0);
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(Call(&Stub::ListJobs, v1::ListJobsRequest(), &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
}

TEST_F(CatalogServiceTest, PlansAPlacementWithProgressAndStoresIt) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::PlanPlacementRequest request;
  *request.mutable_draft() = ToWire(job_.spec.draft);
  request.set_iterations(50);
  const auto reader = catalog_->PlanPlacement(&context, request);
  v1::PlanPlacementResponse response;
  int messages = 0;
  std::string digest;
  while (reader->Read(&response)) {
    ++messages;
    if (response.has_schedule()) digest = response.schedule().digest();
  }
  const grpc::Status status = reader->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_GE(messages, 1);
  JobSpec spec = job_.spec;
  spec.schedule = *Digest::FromHex(digest);
  EXPECT_TRUE(server_->stats().jobs->Register(spec, "").ok());
}

TEST_F(CatalogServiceTest, ADraftThatDoesNotHoldIsRefused) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::PlanPlacementRequest request;
  *request.mutable_draft() = ToWire(job_.spec.draft);
  request.set_load_cap(0.5);
  const auto reader = catalog_->PlanPlacement(&context, request);
  v1::PlanPlacementResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace grouter
