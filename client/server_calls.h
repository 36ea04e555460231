// Calls to a routing server that a person makes: each goes to the first server of a list that answers.
#ifndef GROUTER_CLIENT_SERVER_CALLS_H_
#define GROUTER_CLIENT_SERVER_CALLS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "routing/planning/job.h"

namespace grouter {

struct ServerCallOptions {
  std::vector<std::string> servers;          // "host:port" or "unix:PATH", tried in order
  ClientCredentials credentials;             // what this client shows, and how it knows the servers
  std::chrono::milliseconds timeout{10000};  // of one call to one server
};

struct RegisteredJob {
  std::string server;  // that took it
  Digest digest;       // as the server computed it
  uint64_t num_steps = 0;
  uint32_t world_size = 0;
  bool already_registered = false;
};

// All of them: INVALID_ARGUMENT without a server or for credentials that do not go together, UNAVAILABLE
// naming every server when none answers; an answer that says no ends the walk.

// DATA_LOSS when the server's digest is another than `spec`'s.
absl::StatusOr<RegisteredJob> RegisterJob(const ServerCallOptions& options, const JobSpec& spec,
                                          const std::string& label);

// The bytes of a grouter.v1.GetStatsResponse. `job` is a digest or a prefix of one; empty: all jobs.
// NOT_FOUND.
absl::StatusOr<std::string> GetServerStats(const ServerCallOptions& options, const std::string& job,
                                           bool with_expert_load);

}  // namespace grouter

#endif  // GROUTER_CLIENT_SERVER_CALLS_H_
