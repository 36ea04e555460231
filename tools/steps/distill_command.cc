#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/network/distill.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string teacher, out, causality = "causal";
  DistillOptions distill;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const auto train,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.train));
  GROUTER_ASSIGN_OR_RETURN(const auto valid,
                           CorpusSamples::Split(samples.dataset, samples.index, options->samples.valid));
  for (const Causality causality :
       {Causality::kCausal, Causality::kDocumentBidirectional, Causality::kPackedBidirectional}) {
    if (options->causality == CausalityName(causality)) options->distill.causality = causality;
  }
  options->distill.cross_document = samples.index->rules().cross_document;
  options->distill.tokenizer_digest = samples.index->tokenizer_digest();
  GROUTER_ASSIGN_OR_RETURN(DistillResult result, Distill(options->teacher, *train, *valid, options->distill,
                                                         TellProgress(terminal)));
  GROUTER_RETURN_IF_ERROR(SaveRouter(&result.router, options->out));
  const DistillMetrics& m = result.metrics;
  terminal.Result(
      absl::StrFormat("%s: KL %.4f nats, top-k recall %.1f %% (a table by token id alone: %.1f %%) on %s "
                      "held-out tokens\n",
                      options->out, m.valid_kl, 100 * m.recall, 100 * m.static_recall,
                      Grouped(m.valid_tokens)),
      WithPaths(m.ToJson(), "router", options->out, result.router.digest.Hex()));
  return 0;
}

}  // namespace

void AddDistillCommand(Command& root) {
  Command& command = root.Add("distill", "distil a teacher's first MoE layer into a router network");
  Options* options = command.Keep(Options());
  DistillOptions& distill = options->distill;
  AddSamplesInput(command, &options->samples, /*splits=*/true)
      .Required("--teacher", &options->teacher, "checkpoint folder (config.json, model.safetensors)")
      .Required("--out", &options->out, "router folder to make")
      .Choice("--causality", &options->causality,
              {"causal", "document_bidirectional", "packed_bidirectional"}, "what a token may see")
      .Option("--hidden_size", &distill.hidden_size, "of the router network")
      .Option("--blocks", &distill.num_blocks, "transformer blocks")
      .Option("--heads", &distill.num_heads, "attention heads")
      .Option("--mlp_size", &distill.mlp_size, "of a block's MLP")
      .Option("--k", &distill.gate.k, "experts per token; 0: the teacher's")
      .Option("--train_tokens", &distill.train_tokens, "to learn from")
      .Option("--tokens_per_step", &distill.tokens_per_step, "of one update")
      .Option("--learning_rate", &distill.learning_rate, "the highest")
      .Option("--valid_tokens", &distill.valid_tokens, "held out, to measure on")
      .Option("--seed", &distill.seed, "of weights and order")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
