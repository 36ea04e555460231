#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "data/sample_index.h"
#include "io/error.h"
#include "routing/table/packed/packed_reader.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  TokenFileOptions tokens;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  VerifyOptions verify;
  GROUTER_ASSIGN_OR_RETURN(const TokenFiles tokens, OpenTokenFiles(options.tokens));
  verify.progress = terminal.Progress("verifying", "tokens");
  if (!options.tokens.index.empty()) {
    GROUTER_ASSIGN_OR_RETURN(verify.index, SampleIndex::Open(options.tokens.index));
  }
  GROUTER_ASSIGN_OR_RETURN(const VerifyReport report, VerifyTableOfAnyTier(options.table, verify, tokens));
  nlohmann::json findings = nlohmann::json::array();
  std::string people;
  for (const Finding& finding : report.findings) {
    findings.push_back({{"file", finding.file}, {"offset", finding.offset}, {"what", finding.what}});
    absl::StrAppend(&people, finding.file, ", byte ", finding.offset, ": ", finding.what, "\n");
  }
  absl::StrAppend(
      &people, options.table, ": ",
      report.findings.empty() ? "all is right" : absl::StrCat(report.findings.size(), " findings"), " (",
      report.num_shards, " shards, ", Grouped(report.num_samples), " samples, ", Grouped(report.num_tokens),
      " tokens, ", HumanBytes(report.num_bytes), ")\n");
  terminal.Result(people, nlohmann::json{{"findings", findings},
                                         {"shards", report.num_shards},
                                         {"samples", report.num_samples},
                                         {"tokens", report.num_tokens},
                                         {"bytes", report.num_bytes}}
                              .dump());
  return report.findings.empty() ? 0 : 1;
}

}  // namespace

void AddTableVerifyCommand(Command& table) {
  Command& command = table.Add("verify", "read every byte of a table and say what is wrong with it");
  Options* options = command.Keep(Options());
  AddTokenFileOptions(command, &options->tokens, /*with_index=*/false);
  command.Required("table", &options->table, "table folder")
      .Option("--index", &options->tokens.index, "sample index it must agree with")
      .Footer("Exit code 1: something is wrong.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
