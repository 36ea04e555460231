// From starting a server to the first checked plan, registration included:
//
//   first_plan SERVER ROOT REQUEST_FILE warm|cold|killed
// cold: the table's files are dropped from the page cache first; killed: a server of the same root was killed
// -9 just before. Prints {"first_plan_ms", "version_ms"}: the second is `SERVER --version` in the same state.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "client/grpc_plan_source.h"
#include "grouter/v1/catalog_service.pb.h"
#include "io/error.h"
#include "io/file.h"
#include "proto/codec.h"
#include "tests/server/server_process.h"

extern char** environ;

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

void DropFromCache(const std::string& folder) {
  const auto names = FileSystem::Local().List(folder);
  GROUTER_CHECK(names.ok());
  for (const std::string& name : *names) {
    const int fd = open(JoinPath(folder, name).c_str(), O_RDONLY);
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
}

double VersionTime(const char* server) {
  char* arguments[] = {const_cast<char*>(server), const_cast<char*>("--version"), nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const auto begin = Clock::now();
  pid_t pid = 0;
  GROUTER_CHECK(posix_spawn(&pid, server, &quiet, nullptr, arguments, environ) == 0);
  int status = 0;
  waitpid(pid, &status, 0);
  GROUTER_CHECK(status == 0);
  return Milliseconds(begin);
}

int Run(const char* server, const std::string& root, const std::string& request_file,
        const std::string& state) {
  v1::RegisterJobRequest request;
  GROUTER_CHECK(request.ParseFromString(*FileSystem::Local().ReadFile(request_file)));
  GrpcPlanSourceOptions options;
  options.spec = *FromWire(request.spec(), "spec");
  const auto first_plan = [&] {
    testing::ServerProcess process({"--root", root, "--listen", "127.0.0.1:0"});
    options.servers = {process.address()};
    const auto source = ConnectPlanSource(options);
    GROUTER_CHECK(source.ok());
    GROUTER_CHECK((*source)->MicroBatch(0, 0).ok());
    (*source)->Close();
    process.Signal(SIGKILL);
  };
  if (state != "cold") first_plan();
  if (state == "cold") DropFromCache(JoinPath(root, "tables/train"));
  const double version_ms = VersionTime(server);
  const auto begin = Clock::now();
  testing::ServerProcess process({"--root", root, "--listen", "127.0.0.1:0"});
  options.servers = {process.address()};
  const auto source = ConnectPlanSource(options);
  GROUTER_CHECK(source.ok());
  GROUTER_CHECK((*source)->MicroBatch(0, 0).ok());
  printf("{\"first_plan_ms\": %.4f, \"version_ms\": %.4f}\n", Milliseconds(begin), version_ms);
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc < 5) return fprintf(stderr, "first_plan SERVER ROOT REQUEST_FILE warm|cold|killed\n"), 2;
  return grouter::Run(argv[1], argv[2], argv[3], argv[4]);
}
