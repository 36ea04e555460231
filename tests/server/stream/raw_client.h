// A plain generated client of a server under test.
#ifndef GROUTER_TESTS_SERVER_STREAM_RAW_CLIENT_H_
#define GROUTER_TESTS_SERVER_STREAM_RAW_CLIENT_H_

#include <memory>
#include <string>

#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "proto/codec.h"
#include "tests/testing/serving/served_job.h"
#include "tests/testing/short_folder.h"

namespace grouter {

class RawClientTest : public ::testing::Test {
 protected:
  void Serve(const server::ServerConfig& config) {
    server_ = testing::StartServer(config);
    channel_ = grpc::CreateChannel(server_->addresses()[0], grpc::InsecureChannelCredentials());
    plans_ = v1::PlanService::NewStub(channel_);
    catalog_ = v1::CatalogService::NewStub(channel_);
  }
  // A job whose plans for one rank are longer than the least first grant, so that a stream waits for credit.
  void UseLargeJob() {
    testing::ServedJobOptions large;
    large.num_samples = 8;
    large.sample_length = 100000;
    large.samples_per_step = 4;
    large.num_steps = 1;
    large.second_epoch_at = 0;
    job_ = testing::MakeServedJob(large);
  }
  // As ServeWithJob, but calls come over a unix socket, so that they are the owner's, who may administer.
  void ServeWithJobForOwner() {
    server::ServerConfig config = testing::TestConfig(job_.root);
    config.set_listen(0, "unix:" + folder_.path() + "/socket");
    ServeWithJob(config);
  }
  void ServeWithJob() { ServeWithJob(testing::TestConfig(job_.root)); }
  void ServeWithJob(const server::ServerConfig& config) {
    Serve(config);
    grpc::ClientContext context;
    v1::RegisterJobRequest request;
    *request.mutable_spec() = ToWire(job_.spec);
    request.set_label("a job");
    v1::RegisterJobResponse response;
    const grpc::Status status = catalog_->RegisterJob(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    digest_ = response.job_digest();
  }

  testing::ShortFolder folder_;
  testing::ServedJob job_ = testing::MakeServedJob();
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::PlanService::Stub> plans_;
  std::unique_ptr<v1::CatalogService::Stub> catalog_;
  std::string digest_;
};

}  // namespace grouter

#endif  // GROUTER_TESTS_SERVER_STREAM_RAW_CLIENT_H_
