#include "tools/steps/samples_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace grouter {
namespace {

using ::testing::HasSubstr;

TEST(SamplesInputTest, EachPhaseHasItsOwnProgress) {
  std::ostringstream out, err;
  std::chrono::steady_clock::time_point now;
  Terminal terminal(out, err, false, [&now] { return now; });
  const ProgressCallback tell = TellProgress(terminal);
  EXPECT_TRUE(tell({"distill", 1, 100, 0.5}));
  now += std::chrono::seconds(3);
  EXPECT_TRUE(tell({"distill", 50, 100, 0.5}));
  EXPECT_TRUE(tell({"measure", 10, 100, 0}));
  EXPECT_THAT(err.str(), HasSubstr("distill: 50 %"));
  EXPECT_EQ(err.str().find("measure"), std::string::npos);
  tell({"distill", 100, 100, 0.25});
  EXPECT_THAT(err.str(), HasSubstr("last loss 0.25"));
}

TEST(SamplesInputTest, MetricsGetThePathAndTheDigest) {
  EXPECT_EQ(WithPaths("{\"kl\":1}", "router", "r", "abc"), "{\"kl\":1,\"router\":\"r\",\"digest\":\"abc\"}");
}

TEST(SamplesInputTest, MissingFilesAreNamed) {
  SamplesInput input;
  input.tokens = "/no/tokens";
  input.index = "/no/index";
  EXPECT_THAT(std::string(OpenSamples(input).status().message()), HasSubstr("/no/tokens"));
}

}  // namespace
}  // namespace grouter
