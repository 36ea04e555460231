#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/json.h"
#include "routing/network/route.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string router, weights = "f32";
  RouteOptions route;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const Router router, LoadRouter(options->router));
  RouteOptions& route = options->route;
  route.weight_type = options->weights == "f32"    ? WeightType::kFloat32
                      : options->weights == "bf16" ? WeightType::kBFloat16
                      : options->weights == "f16"  ? WeightType::kFloat16
                                                   : WeightType::kNone;
  GROUTER_ASSIGN_OR_RETURN(const RouteReport report, RouteCorpus(router, samples.dataset, samples.index,
                                                                 route, TellProgress(terminal)));
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(route.table_path));
  nlohmann::ordered_json json = ParseOrderedJson(report.ToJson());
  json["path"] = route.table_path;
  json["bytes_per_token"] =
      static_cast<double>(table->stored_bytes()) / static_cast<double>(table->num_tokens());
  terminal.Result(
      absl::StrFormat("%s: %s, %s tokens of %s samples, %s, MaxVio %.2f, %s tokens/s\n", route.table_path,
                      report.table_digest.ShortHex(), Grouped(report.num_tokens), Grouped(report.num_samples),
                      HumanBytes(table->stored_bytes()), report.max_vio,
                      Grouped(static_cast<uint64_t>(report.tokens_per_second))),
      json.dump());
  return 0;
}

}  // namespace

void AddRouteCommand(Command& root) {
  Command& command = root.Add("route", "run a router over a corpus: its routing table");
  Options* options = command.Keep(Options());
  AddSamplesInput(command, &options->samples, /*splits=*/false)
      .Required("--router", &options->router, "router folder")
      .Required("--out", &options->route.table_path, "table folder to make; complete shards in it are kept")
      .Choice("--weights", &options->weights, {"f32", "bf16", "f16", "none"}, "type of the gate weights")
      .Option("--shard_tokens", &options->route.shard_tokens, "least tokens of a shard")
      .Option("--threads", &options->route.num_threads, "threads; the table is the same for any number")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
