// The main job as steps: text -> tokens -> sample index -> teacher -> router -> routing table -> placement ->
// training by plans from a server, and once with a learned router -> report.
#ifndef GROUTER_TOOLS_PIPELINE_MAIN_JOB_H_
#define GROUTER_TOOLS_PIPELINE_MAIN_JOB_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "tools/pipeline/runner.h"
#include "tools/pipeline/settings.h"

namespace grouter {

// Programs and inputs, absolute paths.
struct MainJobPaths {
  std::string grouter, grouter_server, grouter_trainer;
  std::string grpcurl;  // found in PATH when it has no slash
  std::string text;     // folder of text files
  std::string ranks;    // tokenizer's rank file
  std::string folder;   // of the pipeline
};

struct MainJob {
  std::vector<Step> steps;
  ServerStep server;
};

// Writes the trainers' and the server's configurations under FOLDER/config (only when they differ from what
// lies there) and returns the steps.
absl::StatusOr<MainJob> MakeMainJob(const PipelineSettings& settings, const MainJobPaths& paths,
                                    FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_MAIN_JOB_H_
