#include "client/stream/channel_arguments.h"

namespace grouter {
namespace {

constexpr int kKeepaliveMs = 20000;
constexpr int kKeepaliveTimeoutMs = 10000;
constexpr int kReceiveWindowBytes = 8 << 20;
constexpr int kMaxFrameBytes = (1 << 24) - 1;

}  // namespace

grpc::ChannelArguments PlanChannelArguments() {
  grpc::ChannelArguments arguments;
  // A channel that shares subchannels with a broken one waits for that one's back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Credit bounds what is under way; HTTP/2's own window and frames are only to be in nobody's way.
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kReceiveWindowBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  return arguments;
}

}  // namespace grouter
