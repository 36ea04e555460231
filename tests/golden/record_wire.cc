// Records today's wire: record_wire FOLDER makes FOLDER/root (a table, a placement schedule) and one file for
// each call. For tests/golden/wire, a folder for each version that had something new to say.
#include <cstdio>

#include "grouter/v1/catalog_service.pb.h"
#include "grouter/v1/plan_service.pb.h"
#include "grouter/v1/stats_service.pb.h"
#include "grpcpp/create_channel.h"
#include "io/error.h"
#include "proto/codec.h"
#include "tests/golden/wire_recording.h"
#include "tests/testing/serving/served_job.h"

namespace {

using grouter::testing::Exchange;

void Copy(const std::string& from, const std::string& to) {
  grouter::FileSystem& files = grouter::FileSystem::Local();
  const size_t slash = to.rfind('/');
  GROUTER_CHECK(files.MakeFolders(to.substr(0, slash)).ok());
  GROUTER_CHECK(grouter::WriteFileAtomically(files, to, *files.ReadFile(from)).ok());
}

}  // namespace

int main(int argc, char** argv) {
  GROUTER_CHECK(argc == 2);
  const std::string folder = argv[1];
  grouter::testing::ServedJobOptions shape;
  shape.num_samples = 16;
  shape.sample_length = 9;
  shape.num_steps = 3;
  shape.second_epoch_at = 2;
  const auto job = grouter::testing::MakeServedJob(shape);
  const auto names = grouter::FileSystem::Local().List(job.table_path);
  for (const std::string& name : *names) {
    Copy(job.table_path + "/" + name, folder + "/root/tables/train/" + name);
  }
  Copy(job.root + "/train.schedule", folder + "/root/train.schedule");
  const auto server = grouter::testing::StartServer(folder + "/root");
  const auto channel = grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials());
  int number = 0;
  const auto record = [&](const std::string& service, const std::string& method,
                          const google::protobuf::Message& request) {
    Exchange exchange{"/grouter.v1." + service + "/" + method, request.SerializeAsString(), {}};
    GROUTER_CHECK(
        grouter::testing::Call(channel, exchange.method, exchange.request, &exchange.responses).ok());
    char name[64];
    snprintf(name, sizeof(name), "/%02d_%s.exchange", ++number, method.c_str());
    GROUTER_CHECK(grouter::WriteFileAtomically(grouter::FileSystem::Local(), folder + name,
                                               grouter::testing::EncodeExchange(exchange))
                      .ok());
  };
  namespace v1 = grouter::v1;
  const std::string digest = job.spec.digest().Hex();
  v1::RegisterJobRequest registration;
  *registration.mutable_spec() = grouter::ToWire(job.spec);
  registration.set_label("golden");
  registration.set_expected_digest(digest);
  record("CatalogService", "RegisterJob", registration);
  record("CatalogService", "ListTables", v1::ListTablesRequest());
  v1::DescribeTableRequest table;
  table.set_digest(job.spec.draft.tables[0].table.Hex());
  record("CatalogService", "DescribeTable", table);
  v1::DescribeScheduleRequest schedule;
  schedule.set_digest(job.spec.schedule.Hex());
  record("CatalogService", "DescribeSchedule", schedule);
  v1::DescribeJobRequest describe;
  describe.set_digest(digest);
  record("CatalogService", "DescribeJob", describe);
  v1::DescribePlanRequest plan;
  plan.set_job_digest(digest);
  plan.set_step(1);
  plan.set_rank(1);
  record("PlanService", "DescribePlan", plan);
  v1::GetPlanRequest get;
  get.set_job_digest(digest);
  get.set_step(1);
  get.set_rank(1);
  record("PlanService", "GetPlan", get);
  get.set_micro_batch(1);
  get.set_payload_offset_bytes(7);
  get.mutable_layer_groups()->set_first(1);
  get.mutable_layer_groups()->set_count(1);
  record("PlanService", "GetPlan", get);
  v1::StreamPlansRequest stream;
  stream.mutable_open()->set_job_digest(digest);
  stream.mutable_open()->set_worker("golden");
  stream.set_granted_payload_bytes(1 << 30);
  stream.mutable_progress()->set_stalled_ns(1);
  record("PlanService", "StreamPlans", stream);
  v1::GetPlacementRequest placement;
  placement.set_job_digest(digest);
  record("PlanService", "GetPlacement", placement);
  placement.set_step(2);
  record("PlanService", "GetPlacement", placement);
  v1::GetStatsRequest stats;
  stats.set_job_digest(digest);
  record("StatsService", "GetStats", stats);
  return 0;
}
