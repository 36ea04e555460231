// Unary calls by gRPC's callback API: a handler is a function from request to status and response.
#ifndef GROUTER_SERVER_SERVICE_UNARY_H_
#define GROUTER_SERVER_SERVICE_UNARY_H_

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "proto/status.h"

namespace grouter {

inline grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// `produced` is a StatusOr<Response>.
template <typename Response, typename Produced>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Produced produced,
                                 Response* response) {
  if (produced.ok()) response->Swap(&*produced);
  return Finish(context, produced.status());
}

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_UNARY_H_
