#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/network/expand.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string router, out;
  ExpandOptions expand;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const auto train,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.train));
  GROUTER_ASSIGN_OR_RETURN(const Router router, LoadRouter(options->router));
  GROUTER_ASSIGN_OR_RETURN(ExpandResult result,
                           Expand(router, *train, options->expand, TellProgress(terminal)));
  GROUTER_RETURN_IF_ERROR(SaveRouter(&result.router, options->out));
  const ExpandMetrics& m = result.metrics;
  terminal.Result(
      absl::StrFormat(
          "%s: %d experts; new ones take %.1f %% of the selections; MaxVio %.2f before, %.2f after\n",
          options->out, options->expand.num_experts, 100 * m.new_expert_share, m.max_vio_before,
          m.max_vio_after),
      WithPaths(m.ToJson(), "router", options->out, result.router.digest.Hex()));
  return 0;
}

}  // namespace

void AddExpandCommand(Command& root) {
  Command& command =
      root.Add("expand", "make a router for more experts: new ones serve the worst-served tokens");
  Options* options = command.Keep(Options());
  AddSamplesInput(command, &options->samples, /*splits=*/true)
      .Required("--router", &options->router, "router folder")
      .Required("--out", &options->out, "router folder to make")
      .Option("--experts", &options->expand.num_experts, "of the new router, more than before")
      .Option("--worst_share", &options->expand.worst_share, "share of tokens that count as badly served")
      .Option("--tokens_kept", &options->expand.max_tokens, "hidden states kept in memory")
      .Option("--seed", &options->expand.seed, "of k-means")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
