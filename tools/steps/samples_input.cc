#include "tools/steps/samples_input.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {

Command& AddSamplesInput(Command& command, SamplesInput* input, bool splits) {
  command.Required("--tokens", &input->tokens, "PREFIX of the .bin and .idx")
      .Required("--index", &input->index, "their sample index");
  if (splits) {
    command.Option("--train_split", &input->train, "data split to learn from")
        .Option("--valid_split", &input->valid, "held-out data split to measure on");
  }
  return command;
}

absl::StatusOr<OpenedSamples> OpenSamples(const SamplesInput& input) {
  OpenedSamples opened;
  GROUTER_ASSIGN_OR_RETURN(opened.dataset, IndexedDataset::Open(input.tokens));
  GROUTER_ASSIGN_OR_RETURN(opened.index, SampleIndex::Open(input.index));
  return opened;
}

ProgressCallback TellProgress(Terminal& terminal) {
  // One line of progress per phase: each has its own clock.
  auto phases = std::make_shared<std::map<std::string, std::function<void(uint64_t, uint64_t)>>>();
  return [&terminal, phases](const Progress& progress) {
    const std::string phase(progress.phase);
    auto it = phases->find(phase);
    if (it == phases->end()) it = phases->emplace(phase, terminal.Progress(phase, "tokens")).first;
    it->second(progress.done, progress.total);
    if (progress.done >= progress.total && progress.loss != 0) {
      terminal.Log(absl::StrFormat("%s: done, last loss %.4f", phase, progress.loss));
    }
    return true;
  };
}

std::string WithPaths(const std::string& metrics_json, const std::string& name, const std::string& path,
                      const std::string& digest) {
  nlohmann::ordered_json json = ParseOrderedJson(metrics_json);
  GROUTER_CHECK(json.is_object());
  json[name] = path;
  json["digest"] = digest;
  return json.dump();
}

}  // namespace grouter
