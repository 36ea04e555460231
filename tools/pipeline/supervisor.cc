#include "tools/pipeline/supervisor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"

extern char** environ;

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

// Everything the child needs, made before fork: between fork and exec only async-signal-safe calls are
// allowed.
struct ExecImage {
  explicit ExecImage(const ProcessSpec& spec) {
    for (const std::string& a : spec.argv) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    for (char** e = environ; *e != nullptr; ++e) {
      const absl::string_view entry(*e);
      const absl::string_view name = entry.substr(0, entry.find('='));
      const bool replaced = std::any_of(spec.environment.begin(), spec.environment.end(),
                                        [&](const auto& pair) { return pair.first == name; });
      if (!replaced) storage.emplace_back(entry);
    }
    for (const auto& pair : spec.environment) storage.push_back(absl::StrCat(pair.first, "=", pair.second));
    for (std::string& entry : storage) environment.push_back(&entry[0]);
    environment.push_back(nullptr);
  }
  std::vector<char*> argv;
  std::vector<std::string> storage;
  std::vector<char*> environment;
};

[[noreturn]] void RunChild(const ProcessSpec& spec, ExecImage& image, const sigset_t& mask, pid_t parent,
                           int in, int out, int err, int report) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) ::signal(signal, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  if (spec.working_folder.empty() || chdir(spec.working_folder.c_str()) == 0) {
    execvpe(image.argv[0], image.argv.data(), image.environment.data());
  }
  const int error = errno;
  const ssize_t written = write(report, &error, sizeof(error));
  _exit(written == sizeof(error) ? 127 : 126);
}

std::string Describe(const ProcessEnd& end) {
  if (end.exit_code >= 0) return absl::StrCat("ended with exit code ", end.exit_code);
  return absl::StrCat("was killed by signal ", end.signal, " (", strsignal(end.signal), ")");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status Failed(const std::string& what, const std::string& log, const std::string& fix) {
  const std::string tail = log.empty() ? "" : LastLines(log, 8);
  return Error(
      absl::StatusCode::kAborted, what, log,
      tail.empty() ? fix : absl::StrCat(fix.empty() ? "see" : fix + ";", " its last lines:\n", tail));
}

}  // namespace

std::string LastLines(const std::string& path, size_t max_lines) {
  std::ifstream file(path);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back("  " + line);
    if (lines.size() > max_lines) lines.pop_front();
  }
  return absl::StrJoin(lines, "\n");
}

Supervisor::Supervisor() {
  sigemptyset(&signals_);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals_, signal);
  GROUTER_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &previous_) == 0);
}

Supervisor::~Supervisor() {
  StopAll();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

absl::StatusOr<Supervisor::Id> Supervisor::Start(ProcessSpec spec) {
  GROUTER_CHECK(!spec.argv.empty() && !spec.log_path.empty());
  const Descriptor in(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor err(
      open(spec.log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
  if (err.get() < 0) return ErrnoError(errno, "cannot write the log of " + spec.name, spec.log_path);
  const Descriptor out(spec.output_path.empty()
                           ? fcntl(err.get(), F_DUPFD_CLOEXEC, 3)
                           : open(spec.output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (out.get() < 0) return ErrnoError(errno, "cannot write the output of " + spec.name, spec.output_path);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return ErrnoError(errno, "cannot start " + spec.name, spec.argv[0]);
  const Descriptor report_read(report[0]);
  ExecImage image(spec);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    close(report[1]);
    return ErrnoError(errno, "cannot start " + spec.name, spec.argv[0]);
  }
  if (pid == 0) RunChild(spec, image, previous_, parent, in.get(), out.get(), err.get(), report[1]);
  close(report[1]);
  setpgid(pid, pid);  // here too, so that the group exists before anybody signals it
  int error = 0;
  ssize_t got;
  do {
    got = read(report_read.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return ErrnoError(error, "cannot start " + spec.name, spec.argv[0]);
  }
  Process process;
  process.spec = std::move(spec);
  process.pid = pid;
  processes_.push_back(std::move(process));
  return processes_.size() - 1;
}

pid_t Supervisor::pid(Id id) const { return processes_[id].pid; }

bool Supervisor::running(Id id) {
  Reap();
  return !processes_[id].ended;
}

const ProcessEnd& Supervisor::end(Id id) const {
  GROUTER_CHECK(processes_[id].ended);
  return processes_[id].end;
}

void Supervisor::Reap() {
  for (Process& process : processes_) {
    if (process.ended) continue;
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) continue;
    if (info.si_pid != process.pid) continue;
    kill(-process.pid, SIGKILL);  // what it left behind in its group; the id is ours until it is reaped
    int status = 0;
    struct rusage usage;
    wait4(process.pid, &status, 0, &usage);
    process.ended = true;
    if (WIFEXITED(status)) process.end.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) process.end.signal = WTERMSIG(status);
    process.end.peak_memory_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  }
}

absl::Status Supervisor::FirstFailure() {
  for (Process& process : processes_) {
    if (!process.ended || process.expected || process.end.exit_code == 0) continue;
    return Failed(absl::StrCat(process.spec.name, " ", Describe(process.end)), process.spec.log_path, "");
  }
  return absl::OkStatus();
}

absl::Status Supervisor::Pause(std::chrono::milliseconds timeout) {
  const struct timespec wait = {static_cast<time_t>(timeout.count() / 1000),
                                static_cast<long>(timeout.count() % 1000 * 1000000)};
  const int signal = sigtimedwait(&signals_, nullptr, &wait);
  if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) stopped_by_ = signal;
  if (stopped_by_ != 0) {
    return Error(absl::StatusCode::kCancelled,
                 absl::StrCat("stopped by signal ", stopped_by_, " (", strsignal(stopped_by_), ")"), "",
                 "run the same command again to go on with the steps that are left");
  }
  return absl::OkStatus();
}

absl::Status Supervisor::WaitUntil(const std::function<bool()>& ready, std::chrono::seconds deadline,
                                   const std::string& what) {
  const Clock::time_point end = Clock::now() + deadline;
  absl::Status status;
  while (status.ok()) {
    Reap();
    const bool is_ready = ready();
    status = FirstFailure();  // `ready` may have reaped
    if (is_ready && status.ok()) return status;
    if (!status.ok()) break;
    if (Clock::now() >= end) {
      status = Error(absl::StatusCode::kDeadlineExceeded,
                     absl::StrCat(what, " did not end within ", deadline.count(), " s"),
                     processes_.empty() ? "" : processes_.back().spec.log_path, "look at the log");
      break;
    }
    status = Pause(std::chrono::milliseconds(20));
  }
  StopAll();
  return status;
}

absl::Status Supervisor::Wait(const std::vector<Id>& wanted, std::chrono::seconds deadline,
                              const std::string& what) {
  return WaitUntil(
      [&] { return std::all_of(wanted.begin(), wanted.end(), [&](Id id) { return processes_[id].ended; }); },
      deadline, what);
}

ProcessEnd Supervisor::Stop(Id id, std::chrono::seconds grace) {
  Process& process = processes_[id];
  process.expected = true;
  Reap();
  if (!process.ended) kill(-process.pid, SIGTERM);
  const Clock::time_point end = Clock::now() + grace;
  while (!process.ended && Clock::now() < end) {
    if (!Pause(std::chrono::milliseconds(20)).ok()) break;  // asked to stop meanwhile: no more grace
    Reap();
  }
  if (!process.ended) kill(-process.pid, SIGKILL);
  while (!process.ended) {
    usleep(2000);
    Reap();
  }
  return process.end;
}

void Supervisor::StopAll() {
  for (Process& process : processes_) {
    process.expected = true;
    if (!process.ended) kill(-process.pid, SIGTERM);
  }
  for (Id id = processes_.size(); id-- > 0;) {
    if (!processes_[id].ended) Stop(id, std::chrono::seconds(3));
  }
}

}  // namespace grouter
