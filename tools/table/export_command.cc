#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/exchange/export.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  ExportOptions exported;
  TokenFileOptions tokens;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, OpenTable(options->table, options->tokens));
  options->exported.progress = terminal.Progress("exporting", "records");
  GROUTER_ASSIGN_OR_RETURN(const ExportReport report, ExportTable(*table, options->exported));
  std::string people;
  nlohmann::json json;
  const std::pair<const char*, const std::string*> files[] = {
      {"ids", &report.ids}, {"weights", &report.weights}, {"lengths", &report.lengths}};
  for (const auto& file : files) {
    if (file.second->empty()) continue;
    json[file.first] = *file.second;
    absl::StrAppend(&people, file.first, ": ", *file.second, "\n");
  }
  terminal.Result(people, json.dump());
  return 0;
}

}  // namespace

void AddTableExportCommand(Command& table) {
  Command& command = table.Add("export", "write a table's routes in another format");
  Options* options = command.Keep(Options());
  AddTokenFileOptions(command, &options->tokens);
  options->exported.format = "npz";
  command.Required("table", &options->table, "table folder")
      .Choice("--format", &options->exported.format,
              {"npz", "npy", "megatron", "reference", "routed-experts", "trace-jsonl", "tensor"},
              "what to write")
      .Required("--out", &options->exported.output, "file, or prefix of a pair")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
