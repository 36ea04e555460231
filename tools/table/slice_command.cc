#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/commands/slice.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  SliceOptions slice;
  TokenFileOptions tokens;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, OpenTable(options->table, options->tokens));
  options->slice.progress = terminal.Progress("slicing", "samples");
  GROUTER_ASSIGN_OR_RETURN(const Digest digest, SliceTable(*table, options->slice));
  terminal.Result(absl::StrCat(options->slice.output, ": ", digest.Hex(), "\n"),
                  nlohmann::json{{"path", options->slice.output}, {"digest", digest.Hex()}}.dump());
  return 0;
}

}  // namespace

void AddTableSliceCommand(Command& table) {
  Command& command = table.Add("slice", "make a table of some samples or layer groups of another");
  Options* options = command.Keep(Options());
  AddTokenFileOptions(command, &options->tokens);
  SliceOptions& slice = options->slice;
  command.Required("table", &options->table, "table folder")
      .Required("--out", &slice.output, "table folder to make")
      .Option("--first_sample", &slice.first_sample, "first sample kept")
      .Option("--samples", &slice.num_samples, "samples kept, to the end at most")
      .Option("--first_layer_group", &slice.first_layer_group, "first layer group kept")
      .Option("--layer_groups", &slice.num_layer_groups, "layer groups kept, to the end at most")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
