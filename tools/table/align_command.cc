#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "data/sample_tokens.h"
#include "io/error.h"
#include "routing/table/exchange/alignment.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string table, tokens, index;
  uint32_t layer_group = 0;
  AlignmentOptions alignment;
};

const char* NameOf(Alignment verdict) {
  switch (verdict) {
    case Alignment::kAligned:
      return "aligned";
    case Alignment::kShifted:
      return "shifted";
    case Alignment::kPadded:
      return "padded";
    case Alignment::kContextParallel:
      return "context_parallel";
    case Alignment::kUnknown:
      break;
  }
  return "unknown";
}

// The tokens of the first samples, until `max_tokens` are read: by the index, or document by document.
absl::StatusOr<std::vector<std::vector<uint32_t>>> ReadTokens(const Options& o, const RoutingTable& table) {
  GROUTER_ASSIGN_OR_RETURN(const auto dataset, IndexedDataset::Open(o.tokens));
  std::shared_ptr<const SampleIndex> index;
  if (!o.index.empty()) {
    GROUTER_ASSIGN_OR_RETURN(index, SampleIndex::Open(o.index));
  }
  const uint64_t found = index != nullptr ? index->num_samples() : dataset->num_documents();
  if (found != table.num_samples()) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("the table has ", table.num_samples(), " samples, the ",
                              index != nullptr ? "index " : "tokens have documents: ", found),
                 index != nullptr ? o.index : o.tokens,
                 "give the sample index, or tokens with a document for each sample");
  }
  std::vector<std::vector<uint32_t>> tokens;
  uint64_t seen = 0;
  for (uint64_t s = 0; s < table.num_samples() && seen < o.alignment.max_tokens; ++s) {
    tokens.emplace_back();
    if (index != nullptr) {
      SampleTokens sample;
      GROUTER_RETURN_IF_ERROR(ReadSampleTokens(*dataset, *index, s, &sample));
      tokens.back() = std::move(sample.tokens);
    } else {
      tokens.back().resize(dataset->document_length(s));
      GROUTER_RETURN_IF_ERROR(dataset->ReadDocument(s, 0, absl::MakeSpan(tokens.back())));
    }
    seen += tokens.back().size();
  }
  return tokens;
}

absl::StatusOr<int> Run(const Options& o, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(o.table));
  GROUTER_ASSIGN_OR_RETURN(const auto tokens, ReadTokens(o, *table));
  std::vector<AlignmentSample> samples;
  for (uint64_t s = 0; s < tokens.size(); ++s) {
    GROUTER_ASSIGN_OR_RETURN(const RouteView routes, table->CheckedRoutes(s, o.layer_group));
    samples.push_back({tokens[s], routes});
  }
  const AlignmentReport report = CheckAlignment(samples, o.alignment);
  terminal.Result(report.words + "\n", nlohmann::json{{"verdict", NameOf(report.verdict)},
                                                      {"offset", report.offset},
                                                      {"padding", report.padding},
                                                      {"cp_size", report.cp_size},
                                                      {"cp_rank", report.cp_rank},
                                                      {"agreement", report.agreement},
                                                      {"aligned", report.aligned},
                                                      {"chance", report.chance},
                                                      {"words", report.words}}
                                           .dump());
  return report.verdict == Alignment::kAligned ? 0 : 1;
}

}  // namespace

void AddTableAlignCommand(Command& table) {
  Command& command = table.Add(
      "align", "say whether routes and tokens are aligned, off by one, padded or a context-parallel slice");
  Options* options = command.Keep(Options());
  AlignmentOptions& alignment = options->alignment;
  command.Required("table", &options->table, "table folder")
      .Required("--tokens", &options->tokens, "prefix of the .bin/.idx pair, a document for each sample")
      .Option("--index", &options->index, "sample index that says which tokens a sample has")
      .Option("--layer_group", &options->layer_group, "whose routes are looked at")
      .Option("--max_tokens", &alignment.max_tokens, "looked at, from the first samples")
      .Footer("Exit code 1: they are not aligned, or nothing agrees better than chance.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
