#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string out;
};

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                           MergeTables(options.inputs, options.out, {}, FileSystem::Local(),
                                       terminal.Progress("merging", "shards")));
  terminal.Result(absl::StrCat(options.out, ": ", digest.Hex(), "\n"),
                  nlohmann::json{{"path", options.out}, {"digest", digest.Hex()}}.dump());
  return 0;
}

}  // namespace

void AddTableMergeCommand(Command& table) {
  Command& command = table.Add("merge", "join the shards of several folders into one table, by links");
  Options* options = command.Keep(Options());
  command.Required("inputs", &options->inputs, "folders with shards")
      .Required("--out", &options->out, "table folder to make")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
