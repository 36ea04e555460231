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
#include "server/config/config.h"
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
};

// Serves until SIGTERM or SIGINT, drains as configured, and returns; a second signal skips ahead.
// REQUIRES: BlockSignals was called before any thread was started.
void ServeUntilSignal(const server::ServerConfig& config, Server* server);
// Lets ServeUntilSignal receive SIGTERM, SIGINT and SIGHUP; ignores SIGPIPE.
void BlockSignals();

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVER_H_
