// A full disk and failing writes under a server that serves: what it cannot store is an error of that call,
// nothing is half written, and streams go on.
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "proto/codec.h"
#include "tests/data/failing_files.h"
#include "tests/fault/whole_job.h"

namespace grouter {
namespace {

grpc::Status Place(const std::string& address, const JobDraft& draft, v1::PlanPlacementResponse* last) {
  const auto stub =
      v1::CatalogService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::PlanPlacementRequest request;
  *request.mutable_draft() = ToWire(draft);
  request.set_iterations(1);
  const auto reader = stub->PlanPlacement(&context, request);
  while (reader->Read(last)) {
  }
  return reader->Finish();
}

std::vector<std::string> Schedules(const std::string& root) {
  const auto names = FileSystem::Local().List(JoinPath(root, "schedules"));
  return names.ok() ? *names : std::vector<std::string>();
}

TEST(DiskTest, EveryFailingWriteIsAnErrorOfThatCallAlone) {
  const testing::ServedJob job = testing::MakeFaultJob(12);
  const std::vector<Digest> digests = testing::DigestsOf(job);
  bool stored = false;
  for (int64_t fail_at = 0; !stored; ++fail_at) {
    ASSERT_LT(fail_at, 20);
    FailingFiles files(fail_at);
    auto server = Server::Start(testing::TestConfig(job.root), files);
    ASSERT_TRUE(server.ok()) << server.status();
    const std::string address = (*server)->addresses()[0];
    v1::PlanPlacementResponse last;
    const grpc::Status status = Place(address, job.spec.draft, &last);
    stored = status.ok();
    if (stored) {
      EXPECT_EQ(Schedules(job.root),
                std::vector<std::string>{last.schedule().digest() + std::string(".schedule")});
    } else {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
      EXPECT_EQ(status.error_message().find(job.root), std::string::npos);  // no path leaves the server
      EXPECT_TRUE(Schedules(job.root).empty());
    }
    testing::ExpectAllRanksRead(job, digests, {address});
  }
}

}  // namespace
}  // namespace grouter
