// grouter_server: serves routing tables and plans. See docs/server.md.
#include <iostream>

#include "io/error.h"
#include "server/config/command_line.h"
#include "server/server.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

int main(int argc, char** argv) {
  grouter::PrepareProcess();
  spdlog::set_default_logger(spdlog::stderr_color_mt("grouter_server"));
  std::map<std::string, std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    environment[text.substr(0, text.find('='))] = text.substr(std::min(text.size(), text.find('=') + 1));
  }
  auto& files = grouter::FileSystem::Local();
  const auto read = [&] { return grouter::ReadCommandLine({argv + 1, argv + argc}, environment, files); };
  const auto command = read();
  if (command.ok() && !command->print.empty()) {
    (command->exit_code == 0 ? std::cout : std::cerr) << command->print;
    return command->exit_code;
  }
  absl::Status status = command.status();
  if (status.ok()) {
    spdlog::set_level(spdlog::level::from_str(command->config.log_level()));
    auto server = grouter::Server::Start(command->config);
    status = server.status();
    if (status.ok()) {
      for (const std::string& address : (*server)->addresses())
        std::cout << "listening on " << address << std::endl;
      const std::string http = (*server)->http_address();
      if (!http.empty()) std::cout << "http on " << http << std::endl;
      grouter::ServeUntilSignal(command->config, read, server->get());
    }
  }
  if (!status.ok()) std::cerr << "grouter_server: " << status.message() << "\n";
  return grouter::ExitCode(status);
}
