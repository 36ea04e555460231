// NCCL in the one conformance suite: a rank is a thread with a device of its own.
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "io/file.h"
#include "tests/trainer/collectives/conformance.h"
#include "trainer/collectives/nccl.h"

namespace grouter {
namespace testing {
namespace {

void OnNccl(uint32_t size, const std::function<void(Collectives& world)>& fn) {
  static std::atomic<int> meeting{0};
  const std::string file = JoinPath(::testing::TempDir(), "meeting" + std::to_string(meeting++));
  ASSERT_TRUE(FileSystem::Local().Remove(file).ok());
  std::vector<std::thread> ranks;
  for (uint32_t rank = 0; rank < size; ++rank) {
    ranks.emplace_back([&, rank] {
      GlooOptions options;
      options.environment.rank = rank;
      options.environment.world_size = size;
      options.environment.local_rank = rank;
      options.rendezvous_file = file;
      options.timeout = std::chrono::seconds(20);
      auto world = MakeNcclCollectives(options);
      ASSERT_TRUE(world.ok()) << world.status();
      fn(**world);
    });
  }
  for (std::thread& rank : ranks) rank.join();
}

INSTANTIATE_TEST_SUITE_P(Nccl, CollectivesConformance,
                         ::testing::Values(Implementation{"Nccl", OnNccl,
                                                          static_cast<uint32_t>(c10::cuda::device_count())}),
                         [](const auto& info) { return info.param.name; });

TEST(NcclCollectives, BuffersOnTheDeviceArriveInTheOrderOfTheStream) {
  if (c10::cuda::device_count() == 0) GTEST_SKIP() << "no GPU on this machine";
  OnNccl(1, [](Collectives& world) {
    SeededExchange rows({3, 1}, 0);
    const size_t num_bytes = rows.send.size() * sizeof(int32_t);
    void *send = nullptr, *recv = nullptr;
    ASSERT_EQ(cudaMalloc(&send, num_bytes + 1), cudaSuccess);
    ASSERT_EQ(cudaMalloc(&recv, num_bytes + 1), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(send, rows.send.data(), num_bytes, cudaMemcpyHostToDevice), cudaSuccess);
    rows.exchange.send = send;
    rows.exchange.recv = recv;
    rows.exchange.memory = MemoryKind::kDevice;
    ASSERT_TRUE(world.AllToAll(rows.exchange).ok());
    ASSERT_EQ(cudaMemcpy(rows.recv.data(), recv, num_bytes, cudaMemcpyDeviceToHost), cudaSuccess);
    EXPECT_EQ(rows.recv, rows.expected);
    cudaFree(send);
    cudaFree(recv);
  });
}

}  // namespace
}  // namespace testing
}  // namespace grouter
