#include "tools/report/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace grouter {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

RunMetrics Metrics(double first, double last, double rate = 1000) {
  RunMetrics run;
  run.validation = {{1000, first}, {2000, last}};
  run.tokens_per_second = rate;
  run.step_ms = 50;
  return run;
}

TEST(VerdictTest, SaysThatTheTableWonAndWithHowMuchData) {
  const auto words = Verdict(Metrics(5, 4), Metrics(6, 5));
  EXPECT_THAT(words[0], StartsWith("The routing table won: its validation loss is 20.0 % below"));
  EXPECT_THAT(words[1], HasSubstr("after 1,000 tokens, 50 % of its data"));
}

TEST(VerdictTest, SaysThatTheBaselineWon) {
  const auto words = Verdict(Metrics(6, 5.5), Metrics(6, 5));
  EXPECT_THAT(words[0], StartsWith("The baseline won: the routing table's validation loss is 10.0 % above"));
  EXPECT_THAT(words[1], HasSubstr("was not reached"));
}

TEST(VerdictTest, CallsASmallDifferenceNone) {
  EXPECT_THAT(Verdict(Metrics(6, 5.01), Metrics(6, 5))[0], StartsWith("Neither run won"));
}

TEST(VerdictTest, SpeedIsToldEitherWay) {
  EXPECT_THAT(Verdict(Metrics(6, 5, 800), Metrics(6, 5, 1000)), Contains(HasSubstr("20 % slower")));
  EXPECT_THAT(Verdict(Metrics(6, 5, 1300), Metrics(6, 5, 1000)), Contains(HasSubstr("30 % faster")));
  EXPECT_THAT(Verdict(Metrics(6, 5, 1010), Metrics(6, 5, 1000)), Contains(HasSubstr("equally fast")));
}

TEST(VerdictTest, ADivergedOrUnvalidatedRunIsSaidSo) {
  EXPECT_THAT(Verdict(Metrics(6, std::nan("")), Metrics(6, 5))[0],
              HasSubstr("The run with the routing table did not end"));
  RunMetrics none = Metrics(6, 5);
  none.validation.clear();
  EXPECT_THAT(Verdict(none, Metrics(6, 5))[0], HasSubstr("cannot be compared"));
}

}  // namespace
}  // namespace grouter
