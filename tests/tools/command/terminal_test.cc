#include "tools/command/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

namespace grouter {
namespace {

TEST(TerminalTest, ResultsArePeoplesTextOrOneJsonValue) {
  std::ostringstream out, err;
  Terminal(out, err, /*json=*/false).Result("5 tokens\n", "{\"tokens\":5}");
  EXPECT_EQ(out.str(), "5 tokens\n");
  out.str("");
  Terminal(out, err, /*json=*/true).Result("5 tokens\n", "{\"tokens\":5}");
  EXPECT_EQ(out.str(), "{\"tokens\":5}\n");
  EXPECT_EQ(err.str(), "");
}

TEST(TerminalTest, ProgressSpeaksEveryTwoSecondsAndNotForShortWork) {
  std::ostringstream out, err;
  std::chrono::steady_clock::time_point now;
  Terminal terminal(out, err, false, [&now] { return now; });
  auto progress = terminal.Progress("tokenizing", "bytes");
  now += std::chrono::milliseconds(1900);
  progress(10, 1000);
  EXPECT_EQ(err.str(), "");
  now += std::chrono::milliseconds(200);
  progress(500, 2000);
  progress(600, 2000);
  EXPECT_EQ(err.str(), "tokenizing: 25 % (500 of 2,000 bytes)\n");
  EXPECT_EQ(out.str(), "");
}

TEST(TerminalTest, ProgressOfNothingIsComplete) {
  std::ostringstream out, err;
  std::chrono::steady_clock::time_point now;
  Terminal terminal(out, err, false, [&now] { return now; });
  auto progress = terminal.Progress("reading", "files");
  now += std::chrono::seconds(3);
  progress(0, 0);
  EXPECT_EQ(err.str(), "reading: 100 % (0 of 0 files)\n");
}

TEST(HumanNumbersTest, GroupsDigitsByThree) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
}

TEST(HumanNumbersTest, BytesHaveOneDecimalAndABinaryUnit) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(HumanBytes(uint64_t{3} << 40), "3.0 TiB");
}

TEST(HumanNumbersTest, SecondsBecomeMinutes) {
  EXPECT_EQ(HumanSeconds(0.25), "0.2 s");
  EXPECT_EQ(HumanSeconds(42.4), "42 s");
  EXPECT_EQ(HumanSeconds(75), "1 min 15 s");
}

}  // namespace
}  // namespace grouter
