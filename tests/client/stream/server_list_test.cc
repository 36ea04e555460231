#include "client/stream/server_list.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(ServerListTest, WalksTheListAtOnceAndThenWaitsLongerEachRound) {
  ServerList list({"a:1", "b:1", "c:1"}, 7);
  EXPECT_EQ(list.current(), "a:1");
  EXPECT_EQ(list.Failed().count(), 0);
  EXPECT_EQ(list.current(), "b:1");
  EXPECT_EQ(list.Failed().count(), 0);
  const int64_t first = list.Failed().count();
  EXPECT_EQ(list.current(), "a:1");
  EXPECT_GE(first, 5);
  EXPECT_LE(first, 10);
  int64_t longest = 0;
  for (int i = 0; i < 100; ++i) longest = std::max<int64_t>(longest, list.Failed().count());
  EXPECT_LE(longest, 500);
  EXPECT_GE(longest, 250);
  list.Answered();
  EXPECT_EQ(list.Failed().count(), 0);
}

TEST(ServerListTest, AFailedServerGetsAFreshChannel) {
  ServerList list({"127.0.0.1:1"}, 7);
  const auto first = list.channel();
  EXPECT_EQ(list.channel(), first);
  list.Failed();
  EXPECT_NE(list.channel(), first);
}

}  // namespace
}  // namespace grouter
