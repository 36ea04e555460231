// From a command line to a finished run: what main does.
#ifndef GROUTER_TRAINER_LAUNCH_H_
#define GROUTER_TRAINER_LAUNCH_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/collectives/environment.h"
#include "trainer/config.h"
#include "trainer/device/device.h"
#include "trainer/training_run.h"

namespace grouter {

// What a command line asks for: a run, or (config.out empty) only the text to print.
struct CommandLine {
  TrainerConfig config;
  std::string text;  // of --help
};

// `--config FILE.json`, and the flags that override fields of it. INVALID_ARGUMENT for unknown flags and bad
// values, each naming the flag.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// The device of this rank's processes; null: this machine's processors. FAILED_PRECONDITION for `cuda` in a
// build without it or on a machine without a device for this rank.
absl::StatusOr<std::unique_ptr<Device>> MakeDevice(const TrainerConfig& config,
                                                   const RankEnvironment& environment);

// One rank alone, or Gloo between the processes of the environment; NCCL for devices.
absl::StatusOr<std::unique_ptr<Collectives>> MakeWorld(const TrainerConfig& config,
                                                       const RankEnvironment& environment);

// The summary as one JSON object.
std::string SummaryToJson(const TrainingSummary& summary);

// Parses, meets the other ranks, trains, prints: the summary on `out`, progress and errors on `err`. Returns
// the exit code (io/error.h).
int LaunchTrainer(const std::vector<std::string>& arguments,
                  const std::function<const char*(const char*)>& get, const MakePlanSource& make_plan_source,
                  std::ostream& out, std::ostream& err);

}  // namespace grouter

#endif  // GROUTER_TRAINER_LAUNCH_H_
