#include "trainer/collectives/nccl.h"

#include <gtest/gtest.h>

#include <string>

namespace grouter {
namespace {

GlooOptions Alone(uint32_t local_rank) {
  GlooOptions options;
  options.environment.local_rank = local_rank;
  options.rendezvous_file = ::testing::TempDir() + "nobody_comes";
  options.timeout = std::chrono::seconds(1);
  return options;
}

// In the default build, in the CUDA build without a device, and with fewer devices than ranks.
TEST(NcclCollectives, ARankWithoutADeviceIsToldWhatToDo) {
  const auto world = MakeNcclCollectives(Alone(1000));
  ASSERT_TRUE(absl::IsFailedPrecondition(world.status())) << world.status();
  const std::string message(world.status().message());
  EXPECT_NE(message.find("device"), std::string::npos) << message;
  EXPECT_NE(message.find("; "), std::string::npos) << message;
#ifndef USE_C10D_NCCL
  EXPECT_NE(message.find("--config=cuda"), std::string::npos) << message;
#endif
}

}  // namespace
}  // namespace grouter
