#include "tools/pipeline/run_command.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "tools/pipeline/main_job.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string text, ranks, settings, out = "demo_out", programs, grpcurl = "grpcurl";
};

// The folder this program lies in, where the other two are looked for.
std::string OwnFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

absl::StatusOr<std::string> FindProgram(const std::vector<std::string>& folders, const std::string& name) {
  for (const std::string& folder : folders) {
    std::error_code error;
    const fs::path path = fs::path(folder) / name;
    if (fs::is_regular_file(path, error)) return fs::absolute(path).string();
  }
  return Error(absl::StatusCode::kNotFound, absl::StrCat("the program ", name, " is not there"), folders[0],
               "give the folder of grouter_server and grouter_trainer with --programs");
}

absl::StatusOr<MainJobPaths> FindPaths(const Options& options) {
  MainJobPaths paths;
  const std::string own = OwnFolder();
  std::vector<std::string> folders = {own, own + "/../server", own + "/../trainer"};
  if (!options.programs.empty())
    folders = {options.programs, options.programs + "/server", options.programs + "/trainer"};
  paths.grouter = fs::read_symlink("/proc/self/exe").string();
  GROUTER_ASSIGN_OR_RETURN(paths.grouter_server, FindProgram(folders, "grouter_server"));
  GROUTER_ASSIGN_OR_RETURN(paths.grouter_trainer, FindProgram(folders, "grouter_trainer"));
  paths.grpcurl = options.grpcurl;
  if (paths.grpcurl.find('/') != std::string::npos) paths.grpcurl = fs::absolute(paths.grpcurl).string();
  paths.text = fs::absolute(options.text).string();
  paths.ranks = fs::absolute(options.ranks).string();
  paths.folder = fs::absolute(options.out).string();
  return paths;
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(options.settings, 1 << 20));
  GROUTER_ASSIGN_OR_RETURN(const PipelineSettings settings, ParseSettings(json, options.settings));
  GROUTER_ASSIGN_OR_RETURN(const MainJobPaths paths, FindPaths(options));
  GROUTER_ASSIGN_OR_RETURN(const MainJob job, MakeMainJob(settings, paths));
  RunnerOptions runner;
  runner.folder = paths.folder;
  runner.server = job.server;
  GROUTER_ASSIGN_OR_RETURN(const PipelineSummary summary, RunPipeline(job.steps, runner, terminal));
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  double seconds = 0;
  uint64_t peak = 0;
  std::string people = absl::StrFormat("\n%-18s%12s%12s\n", "step", "time", "memory");
  for (const StepSummary& step : summary.steps) {
    steps.push_back({{"step", step.name},
                     {"kept", step.kept},
                     {"seconds", step.record.seconds},
                     {"peak_memory_bytes", step.record.peak_memory_bytes}});
    if (!step.kept) seconds += step.record.seconds;
    peak = std::max(peak, step.record.peak_memory_bytes);
    absl::StrAppendFormat(&people, "%-18s%12s%12s%s\n", step.name, HumanSeconds(step.record.seconds),
                          HumanBytes(step.record.peak_memory_bytes), step.kept ? "  (kept)" : "");
  }
  const std::string report = JoinPath(paths.folder, "report.html");
  absl::StrAppendFormat(&people, "\nsteps of this run took %s; the routing server used %s at most\n",
                        HumanSeconds(seconds), HumanBytes(summary.server_peak_memory_bytes));
  for (const auto& line :
       {std::make_pair("report", "report.html"), std::make_pair("routing table", "serve/table"),
        std::make_pair("router", "router/tuned"), std::make_pair("checkpoints", "runs/table/checkpoints"),
        std::make_pair("server's statistics", "results/server_stats.json"), std::make_pair("logs", "logs")}) {
    absl::StrAppendFormat(&people, "  %-20s %s\n", line.first, JoinPath(paths.folder, line.second));
  }
  terminal.Result(people,
                  nlohmann::ordered_json{{"steps", steps},
                                         {"seconds", seconds},
                                         {"peak_memory_bytes", peak},
                                         {"server_peak_memory_bytes", summary.server_peak_memory_bytes},
                                         {"report", report}}
                      .dump());
  return 0;
}

}  // namespace

void AddRunCommand(Command& root) {
  Command& command = root.Add("run", "run the whole main job; finished steps are kept");
  Options* options = command.Keep(Options());
  command
      .Required("--text", &options->text, "folder of text files: a sub-folder is a domain, a file a document")
      .Required("--ranks", &options->ranks, "tokenizer's rank file")
      .Required("--settings", &options->settings, "sizes (JSON; deploy/configs/demo.json)")
      .Option("--out", &options->out, "folder for everything that is made")
      .Option("--programs", &options->programs,
              "folder of grouter_server and grouter_trainer; empty: beside this one")
      .Option("--grpcurl", &options->grpcurl, "the grpcurl program")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
