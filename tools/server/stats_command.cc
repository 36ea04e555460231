#include <algorithm>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/server_calls.h"
#include "io/error.h"
#include "tools/command/credential_options.h"
#include "tools/server/commands.h"
#include "tools/server/stats_text.h"

namespace grouter {
namespace {

struct Options {
  std::vector<std::string> servers;
  std::string job;
  bool watch = false, no_expert_load = false;
  uint64_t interval_ms = 2000, count = 0, timeout_seconds = 10;
  ClientCredentials credentials;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  ServerCallOptions calls;
  calls.servers = options.servers;
  calls.credentials = WithEnvironment(options.credentials, std::getenv);
  calls.timeout = std::chrono::seconds(options.timeout_seconds);
  for (uint64_t shown = 0;; ++shown) {
    // A call each time, not one stream: a call has a deadline and walks on to a server that lives.
    GROUTER_ASSIGN_OR_RETURN(const std::string bytes,
                             GetServerStats(calls, options.job, !options.no_expert_load));
    v1::GetStatsResponse stats;
    if (!stats.ParseFromString(bytes)) {
      return Error(absl::StatusCode::kDataLoss, "statistics that cannot be read", "--server",
                   "use a client and a server of one version");
    }
    terminal.Result(absl::StrCat(shown > 0 ? "\n" : "", StatsText(stats)), StatsJson(stats));
    if (!options.watch || shown + 1 == options.count) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(std::max<uint64_t>(options.interval_ms, 100)));
  }
}

}  // namespace

void AddStatsCommand(Command& root) {
  Command& command = root.Add("stats", "what a server does: jobs, load, traffic, workers, tables");
  Options* options = command.Keep(Options());
  command.Required("--server", &options->servers, "host:port, or several, tried in order")
      .Option("--job", &options->job, "digest of one job, or a prefix of it; all jobs without")
      .Flag("--no_expert_load", &options->no_expert_load, "leave out the expert load")
      .Flag("--watch", &options->watch, "again and again, until interrupted")
      .Option("--interval_ms", &options->interval_ms, "between two, with --watch; at least 100")
      .Option("--count", &options->count, "with --watch: end after so many; 0: never")
      .Option("--server_timeout", &options->timeout_seconds, "seconds to wait for each server");
  AddCredentialOptions(command, &options->credentials).Run([options](Terminal& terminal) {
    return Run(*options, terminal);
  });
}

}  // namespace grouter
