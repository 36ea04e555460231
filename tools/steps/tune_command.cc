#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/network/tune.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string router, out, method = "load_balance_loss";
  TuneOptions tune;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const auto train,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.train));
  GROUTER_ASSIGN_OR_RETURN(const auto valid,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.valid));
  GROUTER_ASSIGN_OR_RETURN(const Router router, LoadRouter(options->router));
  options->tune.method =
      options->method == "selection_bias" ? TuneMethod::kSelectionBias : TuneMethod::kLoadBalanceLoss;
  GROUTER_ASSIGN_OR_RETURN(TuneResult result,
                           Tune(router, *train, *valid, options->tune, TellProgress(terminal)));
  GROUTER_RETURN_IF_ERROR(SaveRouter(&result.router, options->out));
  const TuneMetrics& m = result.metrics;
  terminal.Result(absl::StrFormat("%s: MaxVio %.2f before, %.2f after; %.1f %% of the selections stayed\n",
                                  options->out, m.max_vio_before, m.max_vio_after, 100 * m.kept_share),
                  WithPaths(m.ToJson(), "router", options->out, result.router.digest.Hex()));
  return 0;
}

}  // namespace

void AddTuneCommand(Command& root) {
  Command& command = root.Add("tune", "even out a router's load on a corpus; only its last layer changes");
  Options* options = command.Keep(Options());
  TuneOptions& tune = options->tune;
  AddSamplesInput(command, &options->samples, /*splits=*/true)
      .Required("--router", &options->router, "router folder")
      .Required("--out", &options->out, "router folder to make")
      .Choice("--method", &options->method, {"load_balance_loss", "selection_bias"}, "what moves the load")
      .Option("--train_tokens", &tune.train_tokens, "to learn from")
      .Option("--tokens_per_step", &tune.tokens_per_step, "of one update")
      .Option("--learning_rate", &tune.learning_rate, "of load_balance_loss")
      .Option("--bias_rate", &tune.bias_rate, "of selection_bias, in score units a step")
      .Option("--valid_tokens", &tune.valid_tokens, "held out, to measure on")
      .Option("--seed", &tune.seed, "of the order")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
