#include "trainer/collectives/c10d_group.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <vector>

namespace grouter {
namespace {

TEST(C10dError, TimeoutsAreDeadlinesAndTheRestIsUnavailableInOneLine) {
  const absl::Status late = C10dError(std::runtime_error("Timed out waiting 300ms\nframe #0: x"), "rank 0");
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(late.message().find('\n'), absl::string_view::npos);
  const absl::Status gone = C10dError(std::runtime_error("Connection closed by peer"), "rank 0");
  EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
  EXPECT_NE(gone.message().find("rank 0"), absl::string_view::npos);
}

TEST(MakeC10dCollectives, WhatABackendThrowsIsAStatus) {
  const auto group = MakeC10dCollectives(
      c10::make_intrusive<c10d::HashStore>(), 0, 1,
      [](c10::intrusive_ptr<c10d::Store>, int, int) -> c10::intrusive_ptr<c10d::Backend> {
        throw std::runtime_error("no network interface");
      },
      at::Device(at::kCPU), std::chrono::seconds(1));
  ASSERT_TRUE(absl::IsUnavailable(group.status())) << group.status();
  EXPECT_NE(group.status().message().find("no network interface"), std::string::npos);
}

}  // namespace
}  // namespace grouter
