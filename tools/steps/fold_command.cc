#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/network/fold.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string router, out;
  FoldOptions fold;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const auto train,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.train));
  GROUTER_ASSIGN_OR_RETURN(const Router router, LoadRouter(options->router));
  GROUTER_ASSIGN_OR_RETURN(FoldResult result, Fold(router, *train, options->fold, TellProgress(terminal)));
  GROUTER_RETURN_IF_ERROR(SaveRouter(&result.router, options->out));
  const FoldMetrics& m = result.metrics;
  terminal.Result(
      absl::StrFormat("%s: %d experts became %d; MaxVio %.2f before, %.2f after\n", options->out,
                      m.num_experts_before, m.num_experts_after, m.max_vio_before, m.max_vio_after),
      WithPaths(m.ToJson(), "router", options->out, result.router.digest.Hex()));
  return 0;
}

}  // namespace

void AddFoldCommand(Command& root) {
  Command& command = root.Add("fold", "make a router for fewer experts: those active together become one");
  Options* options = command.Keep(Options());
  AddSamplesInput(command, &options->samples, /*splits=*/true)
      .Required("--router", &options->router, "router folder")
      .Required("--out", &options->out, "router folder to make")
      .Option("--experts", &options->fold.num_experts, "of the new router, fewer than before")
      .Option("--k", &options->fold.k, "experts per token; 0: as before")
      .Option("--tokens_counted", &options->fold.max_tokens, "over which co-activation is counted")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
