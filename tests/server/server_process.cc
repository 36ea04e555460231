#include "tests/server/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "io/error.h"

namespace grouter {
namespace testing {
namespace {

constexpr char kProgram[] = "server/grouter_server";
constexpr char kListening[] = "listening on ";

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& arguments) {
  int pipe[2];
  GROUTER_CHECK(::pipe2(pipe, O_CLOEXEC) == 0);
  std::vector<char*> argv{const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  GROUTER_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(pipe[1], STDOUT_FILENO);
    execv(kProgram, argv.data());
    _exit(127);
  }
  close(pipe[1]);
  output_ = pipe[0];
  std::string line;
  for (char c = 0; read(output_, &c, 1) == 1 && c != '\n';) line.push_back(c);
  if (line.rfind(kListening, 0) == 0) address_ = line.substr(sizeof(kListening) - 1);
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
}

void ServerProcess::Signal(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

int ServerProcess::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace testing
}  // namespace grouter
