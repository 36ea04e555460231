#include "server/config/command_line.h"

#include <algorithm>
#include <sstream>

#include "CLI/CLI.hpp"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;

}  // namespace

absl::StatusOr<ServerCommand> ReadCommandLine(const std::vector<std::string>& arguments,
                                              const std::map<std::string, std::string>& environment,
                                              FileSystem& files) {
  CLI::App app{"Serves routing tables and plans to trainers over gRPC.", "grouter_server"};
  std::string config_path;
  std::vector<std::string> roots;
  std::vector<std::string> listen;
  std::string http;
  std::string probe;
  std::string log_level;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string token_file;
  bool insecure = false;
  bool print_config = false;
  bool version = false;
  app.add_option("--config", config_path, "configuration file (textproto, docs/server.md)");
  app.add_option("--root", roots, "folder with tables and schedules; may be given more than once");
  app.add_option("--listen", listen, "host:port or unix:PATH; may be given more than once; port 0: any");
  app.add_option("--http", http, "host:port for /metrics and the status page");
  app.add_option("--probe", probe, "host:port for /healthz and /readyz");
  app.add_option("--log_level", log_level, "debug, info, warn or error");
  app.add_option("--tls_cert", tls_cert,
                 "the server's certificate chain (PEM): every TCP address speaks TLS");
  app.add_option("--tls_key", tls_key, "its private key (PEM)");
  app.add_option("--tls_client_ca", tls_client_ca, "the CA (PEM) whose client certificates name principals");
  app.add_option("--token_file", token_file, "bearer tokens, NAME TOKEN a line; read again at SIGHUP");
  app.add_flag("--insecure_beyond_loopback", insecure,
               "allow plain TCP and HTTP beyond the loopback interface");
  app.add_flag("--print_config", print_config, "print the configuration as it would be used, and exit");
  app.add_flag("--version", version, "print the version, and exit");

  ServerCommand command;
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants it
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    command.exit_code = app.exit(error, out, out) == 0 ? 0 : 2;
    command.print = out.str();
    return command;
  }
  if (version) {
    command.print = "grouter_server 1.0.0\n";
    return command;
  }
  server::ServerConfig config = DefaultConfig();
  if (!config_path.empty()) {
    GROUTER_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(config_path, kMaxConfigBytes));
    GROUTER_ASSIGN_OR_RETURN(config, MergeText(config, text, config_path));
  }
  config = MergeEnvironment(config, environment);
  if (!roots.empty()) *config.mutable_roots() = {roots.begin(), roots.end()};
  if (!listen.empty()) *config.mutable_listen() = {listen.begin(), listen.end()};
  if (!http.empty()) config.set_http(http);
  if (!probe.empty()) config.set_probe(probe);
  if (!log_level.empty()) config.set_log_level(log_level);
  if (!tls_cert.empty()) config.mutable_tls()->set_certificate(tls_cert);
  if (!tls_key.empty()) config.mutable_tls()->set_key(tls_key);
  if (!tls_client_ca.empty()) config.mutable_tls()->set_client_ca(tls_client_ca);
  if (!token_file.empty()) config.set_token_file(token_file);
  if (insecure) config.set_insecure_beyond_loopback(true);
  if (print_config) {
    command.print = PrintConfig(config);
    return command;
  }
  GROUTER_RETURN_IF_ERROR(ValidateConfig(config));
  command.config = std::move(config);
  return command;
}

}  // namespace grouter
