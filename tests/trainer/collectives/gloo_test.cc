#include "trainer/collectives/gloo.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "io/file.h"
#include "tests/trainer/collectives/conformance.h"

namespace grouter {
namespace testing {
namespace {

// Ranks are threads, each with a Gloo context of its own, meeting at a file.
void OnGloo(uint32_t size, const std::function<void(Collectives& world)>& fn) {
  static std::atomic<int> meeting{0};
  const std::string file = JoinPath(::testing::TempDir(), "meeting" + std::to_string(meeting++));
  ASSERT_TRUE(FileSystem::Local().Remove(file).ok());
  std::vector<std::thread> ranks;
  for (uint32_t rank = 0; rank < size; ++rank) {
    ranks.emplace_back([&, rank] {
      GlooOptions options;
      options.environment.rank = rank;
      options.environment.world_size = size;
      options.rendezvous_file = file;
      options.timeout = std::chrono::seconds(10);
      auto world = MakeGlooCollectives(options);
      ASSERT_TRUE(world.ok()) << world.status();
      fn(**world);
    });
  }
  for (std::thread& rank : ranks) rank.join();
}

INSTANTIATE_TEST_SUITE_P(Gloo, CollectivesConformance, ::testing::Values(Implementation{"Gloo", OnGloo}),
                         [](const auto& info) { return info.param.name; });

TEST(GlooCollectives, ARankThatNeverComesIsAClearErrorInTime) {
  GlooOptions options;
  options.environment.rank = 0;
  options.environment.world_size = 2;
  options.rendezvous_file = JoinPath(::testing::TempDir(), "alone");
  options.timeout = std::chrono::milliseconds(300);
  ASSERT_TRUE(FileSystem::Local().Remove(options.rendezvous_file).ok());
  const auto world = MakeGlooCollectives(options);
  ASSERT_FALSE(world.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(world.status()) || absl::IsUnavailable(world.status()))
      << world.status();
  EXPECT_EQ(world.status().message().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace testing
}  // namespace grouter
