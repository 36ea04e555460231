// Starts, watches and ends the processes of a pipeline. No process outlives its Supervisor, whatever ends it.
#ifndef GROUTER_TOOLS_PIPELINE_SUPERVISOR_H_
#define GROUTER_TOOLS_PIPELINE_SUPERVISOR_H_

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace grouter {

struct ProcessSpec {
  std::string name;               // for people: "trainer rank 0"
  std::vector<std::string> argv;  // argv[0] is looked up in PATH when it has no slash
  std::vector<std::pair<std::string, std::string>> environment;  // set beside the inherited one
  std::string working_folder;                                    // empty: inherited
  std::string output_path;                                       // stdout; empty: the log
  std::string log_path;                                          // stderr, made anew
};

// How a process ended.
struct ProcessEnd {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  uint64_t peak_memory_bytes = 0;  // resident, the process alone
};

// Each process has a process group of its own and is killed by the kernel when this process dies.
// While a Supervisor lives, SIGINT, SIGTERM, SIGHUP and SIGCHLD are blocked in its thread; the first three
// end Wait with CANCELLED. One thread; one Supervisor at a time. The destructor kills and reaps what still
// runs.
class Supervisor {
 public:
  using Id = size_t;
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // NOT_FOUND when the program is not there; errors name it and its log.
  absl::StatusOr<Id> Start(ProcessSpec spec);
  pid_t pid(Id id) const;
  bool running(Id id);

  // Returns when all of `wanted` ended with exit code 0. Fails as soon as any process of this Supervisor ends
  // otherwise (its name, how it ended, the end of its log), at the deadline (DEADLINE_EXCEEDED), or on a
  // signal (CANCELLED). On failure all processes were ended.
  absl::Status Wait(const std::vector<Id>& wanted, std::chrono::seconds deadline, const std::string& what);
  // Returns when `ready` is true, asked every few milliseconds; fails as Wait does.
  absl::Status WaitUntil(const std::function<bool()>& ready, std::chrono::seconds deadline,
                         const std::string& what);
  // SIGTERM to the process group, SIGKILL after `grace`; returns how it ended.
  ProcessEnd Stop(Id id, std::chrono::seconds grace = std::chrono::seconds(10));
  void StopAll();
  // REQUIRES: it ended.
  const ProcessEnd& end(Id id) const;

 private:
  struct Process {
    ProcessSpec spec;
    pid_t pid = -1;
    bool ended = false;
    bool expected = false;  // its end is no failure
    ProcessEnd end;
  };
  void Reap();
  absl::Status FirstFailure();
  // One signal or `timeout`: CANCELLED for the three that end a wait.
  absl::Status Pause(std::chrono::milliseconds timeout);

  std::vector<Process> processes_;
  sigset_t signals_;
  sigset_t previous_;
  int stopped_by_ = 0;  // the signal that asked for the end; every later wait fails too
};

// The last `max_lines` lines of a text file, for error messages; empty when there are none.
std::string LastLines(const std::string& path, size_t max_lines);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_SUPERVISOR_H_
