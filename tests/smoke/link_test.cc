// LibTorch and gRPC live in one binary, and both work there.
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(Link, OneBinaryAnswersAnRpcAndMultipliesMatrices) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  auto channel = server->InProcessChannel(grpc::ChannelArguments());
  EXPECT_NE(channel, nullptr);
  at::Tensor product = at::matmul(at::ones({2, 3}), at::ones({3, 4}));
  EXPECT_EQ(at::sum(product).item<float>(), 24.0f);
  server->Shutdown();
  queue->Shutdown();
}

}  // namespace
}  // namespace grouter
