#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "data/indexed_dataset.h"
#include "data/sample_index_builder.h"
#include "data/token_manifest.h"
#include "io/error.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string tokens, out, packing = "packed";
  std::vector<std::string> splits = {"train=95", "valid=5"};
  SampleIndexOptions index;
};

absl::Status ParseSplits(const std::vector<std::string>& texts, std::vector<SplitShare>* splits) {
  splits->clear();
  for (const std::string& text : texts) {
    const std::vector<std::string> parts = absl::StrSplit(text, '=');
    SplitShare split;
    if (parts.size() != 2 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &split.share) ||
        split.share == 0) {
      return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("\"", text, "\" is no split"), "--splits",
                   "give NAME=PARTS, for example train=95 valid=5");
    }
    split.name = parts[0];
    splits->push_back(split);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_RETURN_IF_ERROR(ParseSplits(options->splits, &options->index.splits));
  options->index.rules.packing = options->packing == "one_document" ? SampleIndexRules::Packing::kOneDocument
                                                                    : SampleIndexRules::Packing::kPacked;
  options->index.progress = terminal.Progress("packing samples", "tokens");
  GROUTER_ASSIGN_OR_RETURN(const auto dataset, IndexedDataset::Open(options->tokens));
  GROUTER_ASSIGN_OR_RETURN(const auto manifest, TokenManifest::Load(options->tokens));
  GROUTER_ASSIGN_OR_RETURN(
      const auto index,
      BuildSampleIndex(*dataset, manifest.has_value() ? &*manifest : nullptr, options->index));
  GROUTER_RETURN_IF_ERROR(index->Save(options->out));
  nlohmann::json result = {{"samples", index->num_samples()},
                           {"tokens", index->num_tokens()},
                           {"sequence_length", index->rules().sequence_length},
                           {"digest", index->digest().Hex()},
                           {"index", options->out}};
  std::string people = absl::StrCat(options->out, ": ", index->digest().ShortHex(), "\n");
  for (const DataSplit& split : index->splits()) {
    result[split.name + "_samples"] = split.num_samples;
    result[split.name + "_tokens"] = split.num_tokens;
    absl::StrAppend(&people, "  ", split.name, ": ", Grouped(split.num_samples), " samples, ",
                    Grouped(split.num_tokens), " tokens\n");
  }
  terminal.Result(people, result.dump());
  return 0;
}

}  // namespace

void AddIndexCommand(Command& root) {
  Command& command =
      root.Add("index", "make the sample index of a tokenized dataset: splits, order, packing");
  Options* options = command.Keep(Options());
  SampleIndexRules& rules = options->index.rules;
  rules.sequence_length = 4096;
  command.Required("--tokens", &options->tokens, "PREFIX of the .bin and .idx")
      .Required("--out", &options->out, "sample index to write")
      .Option("--sequence_length", &rules.sequence_length, "tokens of the longest sample")
      .Choice("--packing", &options->packing, {"packed", "one_document"},
              "packed: documents end to end; one_document: no sample holds two")
      .Option("--splits", &options->splits, "NAME=PARTS of each split, by documents of every domain")
      .Option("--seed", &rules.document_order_seed, "of the documents' order")
      .Option("--eod_token", &rules.eod_token, "id of end-of-document; -1: the tokenizer's, if known")
      .Flag("--cross_document", &rules.cross_document, "a token sees earlier documents of its sample")
      .Flag("--loss_across_documents", &rules.loss_across_documents,
            "the first token of the next document is a label too")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
