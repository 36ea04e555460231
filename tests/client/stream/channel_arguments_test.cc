#include "client/stream/channel_arguments.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace grouter {
namespace {

std::map<std::string, int> Settings() {
  const grpc::ChannelArguments arguments = PlanChannelArguments();
  const grpc_channel_args set = arguments.c_channel_args();
  std::map<std::string, int> settings;
  for (size_t i = 0; i < set.num_args; ++i) {
    if (set.args[i].type == GRPC_ARG_INTEGER) settings[set.args[i].key] = set.args[i].value.integer;
  }
  return settings;
}

TEST(ChannelArgumentsTest, EveryChannelHasAConnectionOfItsOwnThatIsKeptAlive) {
  const auto settings = Settings();
  EXPECT_EQ(settings.at(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL), 1);
  EXPECT_EQ(settings.at(GRPC_ARG_ENABLE_RETRIES), 0);
  EXPECT_GT(settings.at(GRPC_ARG_KEEPALIVE_TIME_MS), 5000);  // servers refuse more frequent pings
}

TEST(ChannelArgumentsTest, AWholeMessageFitsIntoAFrameAndSeveralIntoTheWindow) {
  const auto settings = Settings();
  EXPECT_GT(settings.at(GRPC_ARG_HTTP2_MAX_FRAME_SIZE), 2 << 20);
  EXPECT_LT(settings.at(GRPC_ARG_HTTP2_MAX_FRAME_SIZE), 1 << 24);  // HTTP/2 has no larger ones
  EXPECT_GE(settings.at(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES), 4 << 20);
}

}  // namespace
}  // namespace grouter
