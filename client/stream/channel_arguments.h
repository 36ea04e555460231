// How a channel that carries plans is set.
#ifndef GROUTER_CLIENT_STREAM_CHANNEL_ARGUMENTS_H_
#define GROUTER_CLIENT_STREAM_CHANNEL_ARGUMENTS_H_

#include "grpcpp/support/channel_arguments.h"

namespace grouter {

// A connection of its own, kept alive, whose receive window and HTTP/2 frames are as large from the start as
// gRPC would make them after seconds of measuring. Any settings work; these are the fast ones.
grpc::ChannelArguments PlanChannelArguments();

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_CHANNEL_ARGUMENTS_H_
