// What a running server can take from a configuration that changed.
#ifndef GROUTER_SERVER_CONFIG_RELOAD_H_
#define GROUTER_SERVER_CONFIG_RELOAD_H_

#include <string>
#include <vector>

#include "server_config.pb.h"

namespace grouter {

// Names of fields that differ, in the order of server_config.proto.
struct ConfigChanges {
  // Hold from the reload on: access, token_file, log_level, max_planner_version.
  std::vector<std::string> now;
  std::vector<std::string> at_restart;  // wait for the next start
};

ConfigChanges CompareConfigs(const server::ServerConfig& before, const server::ServerConfig& after);

// `running` with what can be taken from `next`.
server::ServerConfig TakeReloadable(const server::ServerConfig& running, const server::ServerConfig& next);

}  // namespace grouter

#endif  // GROUTER_SERVER_CONFIG_RELOAD_H_
