#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/packed/pack_table.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string table, out;
  TokenFileOptions tokens;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const TokenFiles tokens, OpenTokenFiles(options->tokens));
  GROUTER_ASSIGN_OR_RETURN(const Digest digest, UnpackTable(options->table, options->out, tokens,
                                                            terminal.Progress("unpacking", "samples")));
  terminal.Result(absl::StrCat(options->out, ": ", digest.Hex(), "\n"),
                  nlohmann::json{{"path", options->out}, {"digest", digest.Hex()}}.dump());
  return 0;
}

}  // namespace

void AddTableUnpackCommand(Command& table) {
  Command& command = table.Add("unpack", "make a packed table plain, as servers need it");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "packed table folder")
      .Required("--out", &options->out, "table folder to make");
  AddTokenFileOptions(command, &options->tokens);
  command.Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
