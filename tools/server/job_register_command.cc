#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/server_calls.h"
#include "io/error.h"
#include "tools/command/credential_options.h"
#include "tools/plan/job_files.h"
#include "tools/server/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string job, label;
  std::vector<std::string> servers;
  uint64_t timeout_seconds = 10;
  ClientCredentials credentials;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const JobSpec spec, ReadJobSpec(options.job));
  ServerCallOptions calls;
  calls.servers = options.servers;
  calls.credentials = WithEnvironment(options.credentials, std::getenv);
  calls.timeout = std::chrono::seconds(options.timeout_seconds);
  GROUTER_ASSIGN_OR_RETURN(const RegisteredJob job, RegisterJob(calls, spec, options.label));
  terminal.Log(absl::StrCat(job.server, ": ", Grouped(job.num_steps), " steps for ", job.world_size, " ranks",
                            job.already_registered ? ", registered before" : ""));
  terminal.Result(absl::StrCat(job.digest.Hex(), "\n"),
                  nlohmann::json{{"job_digest", job.digest.Hex()},
                                 {"server", job.server},
                                 {"num_steps", job.num_steps},
                                 {"world_size", job.world_size},
                                 {"already_registered", job.already_registered}}
                      .dump());
  return 0;
}

}  // namespace

void AddJobRegisterCommand(Command& job) {
  Command& command = job.Add("register", "register a job with a server; prints its digest");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job (JSON; grouter place)")
      .Required("--server", &options->servers, "host:port, or several, tried in order")
      .Option("--label", &options->label, "for people; no part of the digest")
      .Option("--server_timeout", &options->timeout_seconds, "seconds to wait for each server");
  AddCredentialOptions(command, &options->credentials)
      .Footer(
          "The server must hold the job's tables and schedule under its roots. Registering twice is fine.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
