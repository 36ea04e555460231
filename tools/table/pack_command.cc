#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/table/packed/pack_table.h"
#include "tools/table/commands.h"
#include "tools/table/token_files.h"

namespace grouter {
namespace {

struct Options {
  std::string table;
  TokenFileOptions tokens;
  PackOptions pack;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  PackOptions& pack = options->pack;
  GROUTER_ASSIGN_OR_RETURN(pack.tokens, OpenTokenFiles(options->tokens));
  pack.progress = terminal.Progress("packing", "records");
  GROUTER_ASSIGN_OR_RETURN(const PackReport report, PackTable(options->table, pack));
  const double routes = static_cast<double>(std::max<uint64_t>(1, report.num_routes));
  terminal.Result(absl::StrCat(pack.output, ": ", report.content_digest.Hex(), ", ",
                               HumanBytes(report.packed_bytes), " of ", HumanBytes(report.plain_bytes),
                               absl::StrFormat(", %.3f bytes a token and layer group\n",
                                               static_cast<double>(report.packed_bytes) / routes)),
                  nlohmann::json{{"path", pack.output},
                                 {"digest", report.content_digest.Hex()},
                                 {"tokens", report.num_tokens},
                                 {"routes", report.num_routes},
                                 {"plain_bytes", report.plain_bytes},
                                 {"packed_bytes", report.packed_bytes},
                                 {"code_bytes", report.code_bytes}}
                      .dump());
  return 0;
}

}  // namespace

void AddTablePackCommand(Command& table) {
  Command& command = table.Add("pack", "make a table small for storage; with tokens and index, smaller");
  Options* options = command.Keep(Options());
  command.Required("table", &options->table, "plain table folder")
      .Required("--out", &options->pack.output, "table folder to make");
  AddTokenFileOptions(command, &options->tokens);
  command
      .Flag("--sample_classes", &options->pack.sample_classes,
            "sort experts for each sample: up to a tenth smaller, decodes at a fraction of the speed")
      .Option("--max_weight_error", &options->pack.max_weight_error,
              "round weights, none by more than this part of it (0.022, say): another table; 0: lossless")
      .Footer(
          "The digest stays the same unless weights are rounded. Servers serve plain tables: `grouter table "
          "unpack`.")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
