#include "tools/pipeline/runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "io/error.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

// Another way of running steps is another key.
constexpr char kKeyVersion[] = "grouter pipeline 1";
constexpr std::chrono::seconds kTellEvery(10);

// Holds FOLDER/.lock while it lives.
class FolderLock {
 public:
  static absl::StatusOr<FolderLock> Take(const std::string& folder) {
    const std::string path = JoinPath(folder, ".lock");
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoError(errno, "cannot lock the folder", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);
      return Error(absl::StatusCode::kFailedPrecondition, "another run works in this folder", folder,
                   "wait for its end or give another --out");
    }
    return FolderLock(fd);
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

std::string LastLine(const std::string& path) {
  return std::string(absl::StripLeadingAsciiWhitespace(LastLines(path, 1)));
}

std::string FindAfter(const std::string& path, const std::string& mark) {
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);) {
    const size_t at = line.find(mark);
    if (at != std::string::npos) return line.substr(at + mark.size());
  }
  return "";
}

class Pipeline {
 public:
  Pipeline(const RunnerOptions& options, Terminal& terminal, FileSystem& files)
      : options_(options), terminal_(terminal), files_(files), ledger_(files, Under("steps")) {}

  absl::StatusOr<PipelineSummary> Run(const std::vector<Step>& steps) {
    for (const char* folder : {"logs", "results", "steps"})
      GROUTER_RETURN_IF_ERROR(files_.MakeFolders(Under(folder)));
    PipelineSummary summary;
    for (size_t i = 0; i < steps.size(); ++i) {
      terminal_.Log(absl::StrCat("[", i + 1, "/", steps.size(), "] ", steps[i].name, ": ", steps[i].title));
      absl::StatusOr<StepSummary> step = RunStep(steps[i]);
      if (!step.ok()) return Annotate(step.status(), "step " + steps[i].name);
      terminal_.Log(step->kept ? "      kept from an earlier run"
                               : absl::StrCat("      ", HumanSeconds(step->record.seconds), ", ",
                                              HumanBytes(step->record.peak_memory_bytes)));
      summary.steps.push_back(*std::move(step));
    }
    if (server_running_) summary.server_peak_memory_bytes = supervisor_.Stop(server_).peak_memory_bytes;
    return summary;
  }

 private:
  std::string Under(const std::string& path) const {
    return absl::StartsWith(path, "/") ? path : JoinPath(options_.folder, path);
  }

  absl::StatusOr<Digest> KeyOf(const Step& step) {
    Sha256Stream key;
    key.Update(absl::StrCat(kKeyVersion, "\n", step.name, "\n"));
    for (size_t i = 1; i < step.argv.size(); ++i)
      key.Update(step.argv[i] + '\0');  // not where the program lies
    for (const std::string& input : step.inputs) {
      GROUTER_ASSIGN_OR_RETURN(const Digest digest, DigestPath(Under(input)));
      key.Update(input + '\0');
      key.Update(digest.bytes.data(), digest.bytes.size());
    }
    return key.Finish();
  }

  bool Finished(const StepRecord& record) {
    for (const auto& output : record.outputs) {
      const absl::StatusOr<Digest> digest = DigestPath(Under(output.first));
      if (!digest.ok() || *digest != output.second) return false;
    }
    return true;
  }

  absl::StatusOr<StepSummary> RunStep(const Step& step) {
    StepSummary summary;
    summary.name = step.name;
    GROUTER_ASSIGN_OR_RETURN(summary.record.key, KeyOf(step));
    const std::string result = "results/" + step.name + ".json";
    std::vector<std::string> outputs = step.outputs;
    outputs.push_back(result);
    const absl::optional<StepRecord> before = ledger_.Find(step.name);
    const bool same_key = before.has_value() && before->key == summary.record.key;
    if (same_key && before->outputs.size() == outputs.size() && Finished(*before)) {
      summary.kept = true;
      summary.record = *before;
      return summary;
    }
    // A step that was begun with this very key may go on from what it left; anything else starts afresh.
    const bool goes_on = step.resumes && same_key && before->outputs.empty();
    if (!goes_on) {
      for (const std::string& output : step.outputs)
        GROUTER_RETURN_IF_ERROR(files_.RemoveTree(Under(output)));
    }
    GROUTER_RETURN_IF_ERROR(ledger_.Write(step.name, summary.record));  // begun: no outputs yet
    if (step.needs_server) GROUTER_RETURN_IF_ERROR(EnsureServer());

    ProcessSpec spec;
    spec.name = "`" + step.name + "`";
    for (const std::string& argument : step.argv) {
      spec.argv.push_back(absl::StrReplaceAll(argument, {{"{server}", server_address_}}));
    }
    spec.working_folder = options_.folder;
    spec.log_path = Under("logs/" + step.name + ".log");
    spec.output_path = Under(result);
    const Clock::time_point begin = Clock::now();
    GROUTER_ASSIGN_OR_RETURN(const Supervisor::Id id, supervisor_.Start(spec));
    GROUTER_RETURN_IF_ERROR(WaitTelling(id, step, spec.log_path));
    summary.record.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    summary.record.peak_memory_bytes = supervisor_.end(id).peak_memory_bytes;
    for (const std::string& output : outputs) {
      absl::StatusOr<Digest> digest = DigestPath(Under(output));
      if (!digest.ok()) return Annotate(digest.status(), "ended well but made no " + output);
      summary.record.outputs[output] = *digest;
    }
    GROUTER_RETURN_IF_ERROR(ledger_.Write(step.name, summary.record));
    return summary;
  }

  // Repeats the newest line of the step's log now and then, so that long work is seen to move.
  absl::Status WaitTelling(Supervisor::Id id, const Step& step, const std::string& log) {
    Clock::time_point told = Clock::now();
    std::string last;
    return supervisor_.WaitUntil(
        [&] {
          const bool ended = !supervisor_.running(id);
          if (!ended && Clock::now() - told >= kTellEvery) {
            told = Clock::now();
            std::string line = LastLine(log);
            if (!line.empty() && line != last) terminal_.Log("      " + line);
            last = std::move(line);
          }
          return ended;
        },
        step.deadline, "`" + step.name + "`");
  }

  absl::Status EnsureServer() {
    if (server_running_) return absl::OkStatus();
    ProcessSpec spec;
    spec.name = "the routing server";
    spec.argv = options_.server.argv;
    spec.working_folder = options_.folder;
    spec.log_path = Under("logs/server.log");
    GROUTER_ASSIGN_OR_RETURN(server_, supervisor_.Start(spec));
    server_running_ = true;
    GROUTER_RETURN_IF_ERROR(supervisor_.WaitUntil(
        [&] {
          server_address_ = FindAfter(spec.log_path, options_.server.address_mark);
          return !server_address_.empty() || !supervisor_.running(server_);
        },
        options_.server.start_deadline, "the start of the routing server"));
    if (server_address_.empty()) {
      return Error(absl::StatusCode::kUnavailable, "the routing server ended before it served", spec.log_path,
                   "look at the log");
    }
    terminal_.Log("      the routing server listens on " + server_address_);
    return absl::OkStatus();
  }

  const RunnerOptions& options_;
  Terminal& terminal_;
  FileSystem& files_;
  Ledger ledger_;
  Supervisor supervisor_;
  Supervisor::Id server_ = 0;
  bool server_running_ = false;
  std::string server_address_;
};

}  // namespace

absl::StatusOr<PipelineSummary> RunPipeline(const std::vector<Step>& steps, const RunnerOptions& options,
                                            Terminal& terminal, FileSystem& files) {
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(options.folder));
  GROUTER_ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Take(options.folder));
  return Pipeline(options, terminal, files).Run(steps);
}

}  // namespace grouter
