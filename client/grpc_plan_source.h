// Plans from routing servers over gRPC.
#ifndef GROUTER_CLIENT_GRPC_PLAN_SOURCE_H_
#define GROUTER_CLIENT_GRPC_PLAN_SOURCE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/plan_source.h"

namespace grouter {

struct GrpcPlanSourceOptions {
  std::vector<std::string> servers;             // "host:port" or "unix:PATH", tried in order; at least one
  ClientCredentials credentials;                // what this client shows, and how it knows the servers
  JobSpec spec;                                 // registered with each server when it is first used
  uint32_t rank = 0;                            // world rank
  std::string label;                            // of the job, for people
  std::string worker;                           // of this client, for people; empty: host and process
  uint64_t window_bytes = uint64_t{32} << 20;   // payload received and not yet asked for; at least 1 MiB
  uint64_t max_part_bytes = uint64_t{1} << 30;  // a server that announces more is not believed
  std::chrono::milliseconds server_timeout{60000};    // without any answer, calls end with UNAVAILABLE
  std::chrono::milliseconds call_timeout{10000};      // of one unary call
  std::chrono::milliseconds progress_timeout{30000};  // a stream that sends nothing while a plan is awaited
  std::string traceparent;                            // W3C trace context passed on with every call
  // Told once per newer job that continues this one, from any thread.
  std::function<void(const Digest& newest_job)> on_newer_job;
  // Told of each change of server and each failure, from any thread.
  std::function<void(const std::string& event)> on_event;
  // Asked when no server answers within server_timeout: an embedded planner of the same job.
  std::shared_ptr<PlanSource> fallback;
};

struct GrpcPlanSourceMetrics {
  uint64_t payload_bytes = 0;
  uint64_t parts = 0;
  uint64_t streams = 0;        // opened
  uint64_t by_key = 0;         // plans fetched one by one, outside the stream
  uint64_t failed_checks = 0;  // plans that were damaged or wrong
  uint64_t from_fallback = 0;
  uint64_t waited_ns = 0;  // callers, together
};

class GrpcPlanSource : public PlanSource {
 public:
  virtual GrpcPlanSourceMetrics metrics() const = 0;
};

// Registers the job with the first server that answers: waits up to server_timeout. INVALID_ARGUMENT and
// FAILED_PRECONDITION as the server gives them (the job is wrong) or for credentials that do not hold
// together, UNAUTHENTICATED and PERMISSION_DENIED, UNIMPLEMENTED when no server has the job's planner
// version, UNAVAILABLE naming every server tried. Plans then come by one stream ahead of the calls; it starts
// at the first step asked for.
absl::StatusOr<std::unique_ptr<GrpcPlanSource>> ConnectPlanSource(GrpcPlanSourceOptions options);

}  // namespace grouter

#endif  // GROUTER_CLIENT_GRPC_PLAN_SOURCE_H_
