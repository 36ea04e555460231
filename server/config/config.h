// The server's configuration as plain values: read, merged and checked as a whole.
#ifndef GROUTER_SERVER_CONFIG_CONFIG_H_
#define GROUTER_SERVER_CONFIG_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "server/security/authorizer.h"
#include "server_config.pb.h"

namespace grouter {

// Every field set: what --print_config prints.
server::ServerConfig DefaultConfig();

// `text` over `base`: fields it has replace those of `base`, lists as a whole. INVALID_ARGUMENT with line and
// column, `where` naming the file.
absl::StatusOr<server::ServerConfig> MergeText(const server::ServerConfig& base, const std::string& text,
                                               const std::string& where);

// Environment variables GROUTER_SERVER_ROOT, _LISTEN, _HTTP, _PROBE, _TLS_CERT, _TLS_KEY, _TLS_CLIENT_CA,
// _TOKEN_FILE (lists separated by commas) over `base`.
server::ServerConfig MergeEnvironment(const server::ServerConfig& base,
                                      const std::map<std::string, std::string>& environment);

// All problems at once: INVALID_ARGUMENT, with a fix each.
absl::Status ValidateConfig(const server::ServerConfig& config);

// The access rules as values. REQUIRES: a valid configuration.
std::vector<AccessRule> RulesOf(const server::ServerConfig& config);

std::string PrintConfig(const server::ServerConfig& config);

}  // namespace grouter

#endif  // GROUTER_SERVER_CONFIG_CONFIG_H_
