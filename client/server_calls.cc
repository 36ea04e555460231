#include "client/server_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/stream/channel_credentials.h"
#include "client/stream/server_list.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/stats_service.grpc.pb.h"
#include "io/error.h"
#include "proto/codec.h"
#include "proto/status.h"

namespace grouter {
namespace {

// Walks the servers once; `call` gets a channel and that server's address.
template <typename Call>
absl::Status CallFirst(const ServerCallOptions& options, const Call& call) {
  if (options.servers.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "no server is named", "--server", "give host:port");
  }
  for (const std::string& server : options.servers) {
    GROUTER_RETURN_IF_ERROR(MakeChannelCredentials(options.credentials, server).status());
  }
  ServerList servers(options.servers, /*seed=*/0, options.credentials);
  absl::Status last;
  for (size_t i = 0; i < options.servers.size(); ++i) {
    last = call(servers.channel(), servers.current());
    if (!absl::IsUnavailable(last) && !absl::IsDeadlineExceeded(last)) return last;
    servers.Failed();
  }
  return Error(absl::StatusCode::kUnavailable, "no server answered", absl::StrJoin(options.servers, ", "),
               absl::StrCat("start one, or check the addresses; the last answer was: ", last.message()));
}

void SetDeadline(std::chrono::milliseconds timeout, grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + timeout);
}

}  // namespace

absl::StatusOr<RegisteredJob> RegisterJob(const ServerCallOptions& options, const JobSpec& spec,
                                          const std::string& label) {
  RegisteredJob job;
  GROUTER_RETURN_IF_ERROR(CallFirst(options, [&](const auto& channel, const std::string& server) {
    v1::RegisterJobRequest request;
    *request.mutable_spec() = ToWire(spec);
    request.set_label(label);
    v1::RegisterJobResponse response;
    grpc::ClientContext context;
    SetDeadline(options.timeout, &context);
    GROUTER_RETURN_IF_ERROR(
        FromGrpcStatus(v1::CatalogService::NewStub(channel)->RegisterJob(&context, request, &response)));
    GROUTER_ASSIGN_OR_RETURN(job.digest, DigestFromWire(response.job_digest(), "job_digest"));
    job.server = server;
    job.num_steps = response.num_steps();
    job.world_size = response.world_size();
    job.already_registered = response.already_registered();
    return absl::OkStatus();
  }));
  if (job.digest != spec.digest()) {
    return Error(
        absl::StatusCode::kDataLoss,
        absl::StrCat("the server names the job ", job.digest.Hex(), ", here it is ", spec.digest().Hex()),
        job.server, "use a client and a server of one version");
  }
  return job;
}

absl::StatusOr<std::string> GetServerStats(const ServerCallOptions& options, const std::string& job,
                                           bool with_expert_load) {
  v1::GetStatsResponse response;
  GROUTER_RETURN_IF_ERROR(CallFirst(options, [&](const auto& channel, const std::string&) {
    v1::GetStatsRequest request;
    request.set_job_digest(job);
    request.set_omit_expert_load(!with_expert_load);
    grpc::ClientContext context;
    SetDeadline(options.timeout, &context);
    return FromGrpcStatus(v1::StatsService::NewStub(channel)->GetStats(&context, request, &response));
  }));
  return response.SerializeAsString();
}

}  // namespace grouter
