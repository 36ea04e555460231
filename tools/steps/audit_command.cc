#include "absl/strings/str_format.h"
#include "io/error.h"
#include "routing/network/audit.h"
#include "tools/steps/commands.h"
#include "tools/steps/samples_input.h"

namespace grouter {
namespace {

struct Options {
  SamplesInput samples;
  std::string router, table, split = "valid";
  AuditOptions audit;
};

absl::StatusOr<int> AuditOneTable(const Options& options, const Router& router, const OpenedSamples& samples,
                                  Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options.table));
  const CorpusSamples all(samples.dataset, samples.index, 0, samples.index->num_samples());
  GROUTER_ASSIGN_OR_RETURN(const TableAuditReport report, AuditTable(router, *table, all, options.audit));
  terminal.Result(
      absl::StrFormat("%s: of %s routes computed anew, %s differ, %s are near ties, %s are missing\n",
                      options.table, Grouped(report.compared), Grouped(report.different),
                      Grouped(report.near_ties), Grouped(report.missing)),
      report.ToJson());
  return report.different == 0 ? 0 : 1;
}

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const OpenedSamples samples, OpenSamples(options->samples));
  GROUTER_ASSIGN_OR_RETURN(const Router router, LoadRouter(options->router));
  if (!options->table.empty()) return AuditOneTable(*options, router, samples, terminal);
  GROUTER_ASSIGN_OR_RETURN(const auto source,
                           CorpusSamples::Split(samples.dataset, samples.index, options->split));
  GROUTER_ASSIGN_OR_RETURN(const AuditReport report,
                           AuditRouter(router, *source, options->audit, TellProgress(terminal)));
  const bool as_claimed =
      (router.spec.causality != Causality::kCausal || report.causal()) && report.keeps_context_rule();
  terminal.Result(
      absl::StrFormat("%s claims to be %s and %s:\n"
                      "  later tokens replaced: %s of %s earlier tokens changed (%.2f %% changed experts)\n"
                      "  the next token replaced: %.2f %% changed experts\n"
                      "  other documents replaced: %s of %s changed\n"
                      "  routed as in generation: %s of %s differ, %s near ties\n",
                      options->router, std::string(CausalityName(router.spec.causality)),
                      as_claimed ? "is" : "IS NOT", Grouped(report.changed), Grouped(report.compared),
                      100 * report.leak(), 100 * report.next_token_leak(), Grouped(report.context_changed),
                      Grouped(report.context_compared), Grouped(report.online_different),
                      Grouped(report.online_compared), Grouped(report.online_near_ties)),
      report.ToJson());
  return as_claimed ? 0 : 1;
}

}  // namespace

void AddAuditCommand(Command& root) {
  Command& command =
      root.Add("audit", "try whether a router looks at later tokens, or a table is its router's");
  Options* options = command.Keep(Options());
  AddSamplesInput(command, &options->samples, /*splits=*/false)
      .Required("--router", &options->router, "router folder")
      .Option("--table", &options->table, "routing table to compare with its router, instead")
      .Option("--split", &options->split, "data split whose samples are tried")
      .Option("--samples", &options->audit.num_samples, "tried, spread evenly")
      .Option("--cuts", &options->audit.cuts_per_sample, "places per sample")
      .Option("--margin_tolerance", &options->audit.margin_tolerance,
              "score difference below which the k-th expert may change")
      .Option("--seed", &options->audit.seed, "of places and replacements")
      .Footer("Exit code 1: the router is not what it claims to be, or the table not its router's.")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
