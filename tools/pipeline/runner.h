// Runs the steps of a pipeline one after the other, each as a process, and keeps what is finished.
#ifndef GROUTER_TOOLS_PIPELINE_RUNNER_H_
#define GROUTER_TOOLS_PIPELINE_RUNNER_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "tools/command/terminal.h"
#include "tools/pipeline/ledger.h"
#include "tools/pipeline/supervisor.h"

namespace grouter {

// One step: a program, what it reads and what it makes. Paths are relative to the pipeline's folder, in which
// the program runs, or absolute.
struct Step {
  std::string name;   // file name of its log, result and record
  std::string title;  // for people
  // The program's stdout goes to results/NAME.json. "{server}" stands for the routing server's address.
  std::vector<std::string> argv;
  std::vector<std::string> inputs;   // files or folders; their digests and argv are the step's key
  std::vector<std::string> outputs;  // what must be there afterwards
  bool resumes = false;       // goes on from its own partial outputs; they are kept after an interruption
  bool needs_server = false;  // the routing server runs meanwhile
  std::chrono::seconds deadline{3600};
};

// The routing server of a pipeline: started before the first step that needs it, ended after the last step.
struct ServerStep {
  std::vector<std::string> argv;
  // The server's log line with its address begins so; the rest of the line is host:port.
  std::string address_mark = "listening on ";
  std::chrono::seconds start_deadline{30};
};

struct StepSummary {
  std::string name;
  bool kept = false;  // an earlier run finished it
  StepRecord record;
};

struct PipelineSummary {
  std::vector<StepSummary> steps;
  uint64_t server_peak_memory_bytes = 0;
};

struct RunnerOptions {
  std::string folder;  // of the whole pipeline; made when missing
  ServerStep server;
};

// Runs in `options.folder`; one runner per folder at a time (FAILED_PRECONDITION otherwise, by a lock that
// dies with the process). A failed step names its log. After any return no process is left.
absl::StatusOr<PipelineSummary> RunPipeline(const std::vector<Step>& steps, const RunnerOptions& options,
                                            Terminal& terminal, FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_RUNNER_H_
