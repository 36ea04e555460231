// One routing server: registries, plan cache, services, streams and listeners put together.
#ifndef GROUTER_SERVER_SERVER_H_
#define GROUTER_SERVER_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/stats/heartbeat.h"
#include "server/stats/snapshot.h"

namespace grouter {

// Thread-safe. The destructor ends open calls at once.
class Server {
 public:
  // Binds, starts its threads, and serves. The configuration must be valid. FAILED_PRECONDITION for a port in
  // use, limits that do not fit, or plain TCP beyond loopback without the flag. `files` outlives the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const server::ServerConfig& config,
                                                       FileSystem& files = FileSystem::Local());
  virtual ~Server() = default;

  // What clients connect to, ports filled in.
  virtual std::vector<std::string> addresses() const = 0;
  // "host:port", or "" when not configured.
  virtual std::string http_address() const = 0;
  virtual std::string probe_address() const = 0;

  // Health says NOT_SERVING from now on; everything is still served.
  virtual void BeginDrain() = 0;
  // Each stream ends after its micro-batch, then calls end, at the latest after `deadline`. Idempotent.
  virtual void Shutdown(std::chrono::milliseconds deadline) = 0;
  virtual const StatsSources& stats() const = 0;

  // Takes what a running server can take (server/config/reload.h) from a valid configuration, and reads
  // tokens and certificates again. INVALID_ARGUMENT when the token file does not hold together: nothing
  // changes. FAILED_PRECONDITION when the certificates do not: those in use stay, everything else is taken.
  virtual absl::Status Reload(const server::ServerConfig& next) = 0;
  // The background loops at this moment.
  virtual std::vector<LoopReport> loops() const = 0;
};

// Reads the configuration again as it was read at the start.
using ReadConfig = std::function<absl::StatusOr<ServerCommand>()>;

// Serves until SIGTERM or SIGINT, drains as configured, and returns; a second signal skips ahead. SIGHUP
// reads the configuration again and logs what it changed. Loops that stall are logged, once each. REQUIRES:
// PrepareProcess was called before any thread was started.
void ServeUntilSignal(const server::ServerConfig& config, const ReadConfig& read_config, Server* server);
// Lets ServeUntilSignal receive SIGTERM, SIGINT and SIGHUP; ignores SIGPIPE; turns off what Abseil checks at
// each lock.
void PrepareProcess();

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVER_H_
