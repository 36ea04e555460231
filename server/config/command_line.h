// grouter_server's command line: a configuration, or a text to print and an end.
#ifndef GROUTER_SERVER_CONFIG_COMMAND_LINE_H_
#define GROUTER_SERVER_CONFIG_COMMAND_LINE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "server/config/config.h"

namespace grouter {

struct ServerCommand {
  server::ServerConfig config;
  std::string print;  // not empty: print it and exit with `exit_code`
  int exit_code = 0;
};

// `arguments` without the program's name. Flag > environment > file > default. INVALID_ARGUMENT for a
// configuration that does not hold together; usage mistakes come as a text with exit code 2.
absl::StatusOr<ServerCommand> ReadCommandLine(const std::vector<std::string>& arguments,
                                              const std::map<std::string, std::string>& environment,
                                              FileSystem& files);

}  // namespace grouter

#endif  // GROUTER_SERVER_CONFIG_COMMAND_LINE_H_
