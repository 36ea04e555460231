#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "data/sample_index.h"
#include "io/digest.h"
#include "io/error.h"
#include "routing/table/exchange/import.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string index, tokenizer, router, weights = "as_stored", causality = "captured";
  bool positive_only = false;
  ImportOptions import;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  ImportOptions& import = options->import;
  if (!options->index.empty()) {
    GROUTER_ASSIGN_OR_RETURN(import.index, SampleIndex::Open(options->index));
  }
  if (!options->tokenizer.empty()) {
    GROUTER_ASSIGN_OR_RETURN(import.tokenizer_digest, Digest::FromHex(options->tokenizer));
  }
  if (!options->router.empty()) {
    GROUTER_ASSIGN_OR_RETURN(import.router_digest, Digest::FromHex(options->router));
  }
  if (options->weights == "f32") import.weight_type = WeightType::kFloat32;
  if (options->weights == "bf16") import.weight_type = WeightType::kBFloat16;
  if (options->weights == "f16") import.weight_type = WeightType::kFloat16;
  if (options->weights == "none") import.weight_type = WeightType::kNone;
  if (options->causality == "causal") import.causality = Causality::kCausal;
  if (options->causality == "document_bidirectional") import.causality = Causality::kDocumentBidirectional;
  if (options->causality == "packed_bidirectional") import.causality = Causality::kPackedBidirectional;
  import.markers.negative = !options->positive_only;
  import.scan_progress = terminal.Progress("looking through the input", "ids, sequences or bytes");
  import.progress = terminal.Progress("importing", "tokens");
  GROUTER_ASSIGN_OR_RETURN(const ImportReport report, ImportTable(import));
  std::string people =
      absl::StrCat(import.output, ": ", report.content_digest.Hex(), ", ", Grouped(report.num_samples),
                   " samples, ", Grouped(report.num_tokens), " tokens, ", report.num_experts, " experts\n");
  for (const std::string& assumption : report.assumptions)
    absl::StrAppend(&people, "  assumed: ", assumption, "\n");
  terminal.Result(people, nlohmann::json{{"path", import.output},
                                         {"digest", report.content_digest.Hex()},
                                         {"samples", report.num_samples},
                                         {"tokens", report.num_tokens},
                                         {"experts", report.num_experts},
                                         {"assumptions", report.assumptions}}
                              .dump());
  return 0;
}

}  // namespace

void AddTableImportCommand(Command& table) {
  Command& command = table.Add("import", "turn routes of another format into a table");
  Options* options = command.Keep(Options());
  ImportOptions& import = options->import;
  import.format = "npz";
  command
      .Choice("--format", &import.format,
              {"npz", "npy", "megatron", "reference", "routed-experts", "trace-jsonl", "tensor"},
              "what the inputs are")
      .Required("inputs", &import.inputs,
                "files; megatron and reference: prefix of the ids, then of the weights")
      .Required("--out", &import.output, "table folder to make")
      .Option("--lengths", &import.lengths_input, "npy, tensor: an .npy of the samples' lengths")
      .Option("--ids_name", &import.ids_name,
              "npz, tensor: the array of ids; empty: ids, routed_experts or the only one")
      .Option("--index", &options->index, "sample index; without one it is made from the lengths")
      .Option("--experts", &import.num_experts, "E; 0: the largest id + 1")
      .Option("--layer_groups", &import.num_layer_groups, "where the format does not say")
      .Option("--k", &import.k, "where the format does not say")
      .Option("--missing_value", &import.markers.value, "an id that means missing, 255 say; -1: none")
      .Flag("--negative_is_an_error", &options->positive_only, "negative ids are no missing routes")
      .Flag("--equal_is_missing", &import.markers.all_equal, "k equal ids are a missing route")
      .Flag("--per_token_k", &import.per_token_k, "some missing ids: the token has fewer experts")
      .Choice("--weights", &options->weights, {"as_stored", "f32", "bf16", "f16", "none"},
              "convert the weights")
      .Choice("--causality", &options->causality,
              {"captured", "causal", "document_bidirectional", "packed_bidirectional"},
              "what routes may depend on")
      .Option("--tokenizer_digest", &options->tokenizer,
              "SHA-256 of the tokenizer; empty: the index's, or unknown")
      .Option("--router_digest", &options->router,
              "SHA-256 of the router that made the routes; empty: unknown")
      .Option("--provenance", &import.provenance, "\"key: value\" lines to keep with the table")
      .Flag("--autoregressive", &import.autoregressive, "captured from autoregressive generation")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
