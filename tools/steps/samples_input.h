// The corpus as the steps of the router network take it: a tokenized dataset and its sample index.
#ifndef GROUTER_TOOLS_STEPS_SAMPLES_INPUT_H_
#define GROUTER_TOOLS_STEPS_SAMPLES_INPUT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "routing/network/progress.h"
#include "routing/network/sample_source.h"
#include "tools/command/command.h"

namespace grouter {

struct SamplesInput {
  std::string tokens, index;
  std::string train = "train";
  std::string valid = "valid";
};

// --tokens and --index; with `splits` --train_split and --valid_split too.
Command& AddSamplesInput(Command& command, SamplesInput* input, bool splits);

struct OpenedSamples {
  std::shared_ptr<const IndexedDataset> dataset;
  std::shared_ptr<const SampleIndex> index;
};
absl::StatusOr<OpenedSamples> OpenSamples(const SamplesInput& input);

// A callback that tells the terminal "PHASE: 42 % (...)", with the loss where there is one.
ProgressCallback TellProgress(Terminal& terminal);

// A step's metrics (a JSON object) with the path and the digest of what it made added. Dies if it is no
// object.
std::string WithPaths(const std::string& metrics_json, const std::string& name, const std::string& path,
                      const std::string& digest);

}  // namespace grouter

#endif  // GROUTER_TOOLS_STEPS_SAMPLES_INPUT_H_
