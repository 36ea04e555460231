#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "routing/table/commands/diff.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string a, b;
  DiffOptions diff;
  TokenFileOptions tokens;
};

std::string Words(const TableDiff& diff) {
  if (diff.equal) return "the same routes (equal content digests)\n";
  std::string words = "different tables\n";
  if (!diff.header_fields.empty()) {
    absl::StrAppend(&words, "  headers differ in ", absl::StrJoin(diff.header_fields, ", "), "\n");
  }
  if (!diff.comparable) return words + "  their routes cannot be compared one by one\n";
  absl::StrAppendFormat(&words,
                        "  of %s routes %s differ, %s in their sets of experts, %s in being missing\n"
                        "  largest relative error of a weight: %.3g\n",
                        Grouped(diff.num_routes), Grouped(diff.routes_differing),
                        Grouped(diff.id_sets_differing), Grouped(diff.missing_differing),
                        diff.largest_relative_weight_error);
  for (const RouteDifference& example : diff.examples) {
    absl::StrAppend(&words, "  sample ", example.sample, ", layer group ", example.layer_group, ", token ",
                    example.token, ": ", example.what, "\n");
  }
  return words;
}

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto a, OpenTable(options->a, options->tokens));
  GROUTER_ASSIGN_OR_RETURN(const auto b, OpenTable(options->b, options->tokens));
  options->diff.progress = terminal.Progress("comparing", "samples");
  GROUTER_ASSIGN_OR_RETURN(const TableDiff diff, DiffTables(*a, *b, options->diff));
  nlohmann::json examples = nlohmann::json::array();
  for (const RouteDifference& example : diff.examples) {
    examples.push_back({{"sample", example.sample},
                        {"layer_group", example.layer_group},
                        {"token", example.token},
                        {"what", example.what}});
  }
  terminal.Result(Words(diff),
                  nlohmann::json{{"equal", diff.equal},
                                 {"header_fields", diff.header_fields},
                                 {"comparable", diff.comparable},
                                 {"num_routes", diff.num_routes},
                                 {"routes_differing", diff.routes_differing},
                                 {"id_sets_differing", diff.id_sets_differing},
                                 {"missing_differing", diff.missing_differing},
                                 {"largest_relative_weight_error", diff.largest_relative_weight_error},
                                 {"examples", examples}}
                      .dump());
  return diff.equal ? 0 : 1;
}

}  // namespace

void AddTableDiffCommand(Command& table) {
  Command& command = table.Add("diff", "say where two tables' routes differ");
  Options* options = command.Keep(Options());
  AddTokenFileOptions(command, &options->tokens);
  command.Required("a", &options->a, "table folder")
      .Required("b", &options->b, "table folder")
      .Option("--examples", &options->diff.max_examples, "shown at most")
      .Footer("Exit code 1: they differ.")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
