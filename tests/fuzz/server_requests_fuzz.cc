// Every request message of every service, as raw bytes to a running server: it answers each, and goes on.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "io/error.h"
#include "tests/testing/serving/served_job.h"
#include "tests/testing/short_folder.h"

namespace {

// The first byte of an input chooses.
constexpr const char* kMethods[] = {
    "/grouter.v1.CatalogService/ListTables",
    "/grouter.v1.CatalogService/DescribeTable",
    "/grouter.v1.CatalogService/LoadTable",
    "/grouter.v1.CatalogService/UnloadTable",
    "/grouter.v1.CatalogService/ListSchedules",
    "/grouter.v1.CatalogService/DescribeSchedule",
    "/grouter.v1.CatalogService/LoadSchedule",
    "/grouter.v1.CatalogService/UnloadSchedule",
    "/grouter.v1.CatalogService/RegisterJob",
    "/grouter.v1.CatalogService/ListJobs",
    "/grouter.v1.CatalogService/DescribeJob",
    "/grouter.v1.CatalogService/ForgetJob",
    "/grouter.v1.CatalogService/PlanPlacement",
    "/grouter.v1.PlanService/DescribePlan",
    "/grouter.v1.PlanService/GetPlan",
    "/grouter.v1.PlanService/StreamPlans",
    "/grouter.v1.PlanService/GetPlacement",
    "/grouter.v1.PlanService/WatchPlacement",
    "/grouter.v1.StatsService/GetStats",
    "/grouter.v1.StatsService/WatchStats",
    "/grouter.v1.ReplayService/IngestBatch",
    "/grouter.v1.ReplayService/GetSlice",
    "/grouter.v1.ReplayService/ListBatches",
    "/grouter.v1.ReplayService/DropBatch",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
};
constexpr size_t kNumMethods = sizeof(kMethods) / sizeof(kMethods[0]);

// Seeds cannot know the digests of what is served: 64 a's stand for the job's, 64 b's for the table's.
std::string WithDigests(std::string request, const grouter::testing::ServedJob& job) {
  for (const auto& [letter, digest] :
       {std::make_pair('a', job.spec.digest()), std::make_pair('b', job.spec.draft.tables[0].table)}) {
    const size_t at = request.find(std::string(64, letter));
    if (at != std::string::npos) request.replace(at, 64, digest.Hex());
  }
  return request;
}

// Each method of our services is above: one that is added must be, too.
void CheckThatNoneIsMissing() {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const char* name : {"CatalogService", "PlanService", "StatsService", "ReplayService"}) {
    const auto* service = pool->FindServiceByName(std::string("grouter.v1.") + name);
    GROUTER_CHECK(service != nullptr);
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method = "/" + service->full_name() + "/" + service->method(i)->name();
      GROUTER_CHECK(std::count(std::begin(kMethods), std::end(kMethods), method) == 1);
    }
  }
}

struct Fixture {
  grouter::testing::ServedJob job = grouter::testing::MakeServedJob();
  grouter::testing::ShortFolder folder;
  // Over a unix socket, where the owner may call everything.
  std::unique_ptr<grouter::Server> server = [this] {
    grouter::server::ServerConfig config = grouter::testing::TestConfig(job.root);
    config.set_listen(0, "unix:" + folder.path() + "/socket");
    return grouter::testing::StartServer(config);
  }();
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials());
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static auto* const fixture = [] {
    CheckThatNoneIsMissing();
    return new Fixture;
  }();
  // An input may have had it forgotten.
  GROUTER_CHECK(fixture->server->stats().jobs->Register(fixture->job.spec, "").ok());
  grpc::GenericStub stub(fixture->channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
  grpc::CompletionQueue queue;
  // As a stream of one request and any number of answers, which suits every kind of method.
  const auto call = stub.PrepareCall(&context, kMethods[data[0] % kNumMethods], &queue);
  const auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    GROUTER_CHECK(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  if (step()) {
    const std::string request =
        WithDigests(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), fixture->job);
    grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    if (step()) {
      grpc::ByteBuffer answer;
      call->Read(&answer, nullptr);
      step();
    }
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
  GROUTER_CHECK(status.error_code() != grpc::StatusCode::UNAVAILABLE);
  return 0;
}
