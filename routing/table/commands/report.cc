#include "routing/table/commands/report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "routing/balance.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

std::string HexOrEmpty(const Digest& digest) { return digest.IsZero() ? "" : digest.Hex(); }

std::string CausalityName(Causality causality) {
  switch (causality) {
    case Causality::kCausal:
      return "causal";
    case Causality::kDocumentBidirectional:
      return "document_bidirectional";
    case Causality::kPackedBidirectional:
      return "packed_bidirectional";
    case Causality::kCaptured:
      break;
  }
  return "captured";
}

double EntropyBits(const std::vector<uint64_t>& load, uint64_t total) {
  double bits = 0;
  for (uint64_t n : load) {
    if (n == 0) continue;
    const double p = static_cast<double>(n) / static_cast<double>(total);
    bits -= p * std::log2(p);
  }
  return bits;
}

// Contiguous placement: rank r holds experts [r E / R, (r + 1) E / R).
std::vector<uint64_t> RankLoad(const std::vector<uint64_t>& load, uint32_t num_ranks) {
  std::vector<uint64_t> ranks(num_ranks);
  for (uint64_t r = 0; r < num_ranks; ++r) {
    for (uint64_t e = r * load.size() / num_ranks; e < (r + 1) * load.size() / num_ranks; ++e)
      ranks[r] += load[e];
  }
  return ranks;
}

// 1 when nothing was selected, so that shares of it are 0.
double MeanOf(const std::vector<uint64_t>& load) {
  const uint64_t total = std::accumulate(load.begin(), load.end(), uint64_t{0});
  return total == 0 ? 1 : static_cast<double>(total) / static_cast<double>(load.size());
}

struct LoadRange {
  double least, most;  // shares of the mean
};
LoadRange RangeOf(const std::vector<uint64_t>& load) {
  const double mean = MeanOf(load);
  const auto ends = std::minmax_element(load.begin(), load.end());
  return {static_cast<double>(*ends.first) / mean, static_cast<double>(*ends.second) / mean};
}

std::vector<std::vector<double>> BinnedCoactivation(const LayerGroupStatistics& s, uint32_t max_bins) {
  const uint64_t experts = s.load.size();
  const uint64_t bins = std::min<uint64_t>(experts, std::max(1u, max_bins));
  std::vector<std::vector<double>> matrix(bins, std::vector<double>(bins));
  const double tokens = static_cast<double>(std::max<uint64_t>(1, s.num_tokens - s.num_missing));
  for (const CoactivationPair& pair : s.pairs) {
    const uint64_t a = pair.a * bins / experts, b = pair.b * bins / experts;
    matrix[a][b] += static_cast<double>(pair.count) / tokens;
    if (a != b) matrix[b][a] += static_cast<double>(pair.count) / tokens;
  }
  return matrix;
}

LayerGroupReport Summarize(const LayerGroupStatistics& s, uint32_t group, const ReportOptions& options) {
  LayerGroupReport r;
  r.layer_group = group;
  r.load = s.load;
  r.num_tokens = s.num_tokens;
  r.num_missing = s.num_missing;
  uint64_t total = 0;
  for (uint64_t n : s.load) {
    total += n;
    r.dead_experts += n == 0;
  }
  const uint64_t routed = s.num_tokens - s.num_missing;
  r.mean_k = routed == 0 ? 0 : static_cast<double>(total) / static_cast<double>(routed);
  r.max_vio = MaxVio(s.load);
  r.entropy_bits = EntropyBits(s.load, total);
  if (options.num_ranks > 0) r.balancedness = Balancedness(RankLoad(s.load, options.num_ranks));
  r.coactivation_exact = s.exact;
  if (options.coactivation) r.coactivation = BinnedCoactivation(s, options.coactivation_bins);
  return r;
}

}  // namespace

absl::StatusOr<TableReport> MakeTableReport(const RoutingTable& table, bool with_statistics,
                                            const ReportOptions& options) {
  const TableHeader& h = table.header();
  TableReport r;
  r.path = table.path();
  r.tier = table.tier() == TableTier::kPlain ? "plain" : "packed";
  r.content_digest = table.content_digest().Hex();
  r.weight_type = std::string(WeightTypeName(h.weight_type));
  r.causality = CausalityName(h.causality);
  r.num_samples = table.num_samples();
  r.num_tokens = table.num_tokens();
  r.stored_bytes = table.stored_bytes();
  r.num_experts = h.num_experts;
  r.k = h.k;
  r.num_layer_groups = h.num_layer_groups;
  r.id_width = h.id_width;
  r.num_ranks = options.num_ranks;
  r.per_token_k = h.per_token_k;
  r.token_crcs_known = table.token_crcs_known();
  r.tokenizer_digest = HexOrEmpty(h.tokenizer_digest);
  r.router_digest = HexOrEmpty(h.router_digest);
  r.sample_index_digest = HexOrEmpty(h.sample_index_digest);
  r.parent_digest = HexOrEmpty(h.parent_digest);
  r.splits = h.splits;
  r.domains = table.domains();
  r.provenance = table.provenance();
  for (uint32_t group = 0; with_statistics && group < h.num_layer_groups; ++group) {
    GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics statistics, table.Statistics(group));
    r.layer_groups.push_back(Summarize(statistics, group, options));
    if (options.progress) options.progress(group + 1, h.num_layer_groups);
  }
  return r;
}

std::string TableReportJson(const TableReport& r) {
  nlohmann::ordered_json json;
  json["path"] = r.path;
  json["tier"] = r.tier;
  json["content_digest"] = r.content_digest;
  json["num_samples"] = r.num_samples;
  json["num_tokens"] = r.num_tokens;
  json["stored_bytes"] = r.stored_bytes;
  json["num_experts"] = r.num_experts;
  json["k"] = r.k;
  json["per_token_k"] = r.per_token_k;
  json["num_layer_groups"] = r.num_layer_groups;
  json["id_width"] = r.id_width;
  json["weight_type"] = r.weight_type;
  json["causality"] = r.causality;
  json["token_crcs_known"] = r.token_crcs_known;
  json["tokenizer_digest"] = r.tokenizer_digest;
  json["router_digest"] = r.router_digest;
  json["sample_index_digest"] = r.sample_index_digest;
  json["parent_digest"] = r.parent_digest;
  json["splits"] = nlohmann::ordered_json::array();
  for (const DataSplit& split : r.splits) {
    json["splits"].push_back({{"name", split.name},
                              {"first_sample", split.first_sample},
                              {"num_samples", split.num_samples},
                              {"num_tokens", split.num_tokens},
                              {"num_loss_tokens", split.num_loss_tokens}});
  }
  json["domains"] = r.domains;
  json["provenance"] = r.provenance;
  if (r.num_ranks > 0) json["num_ranks"] = r.num_ranks;
  if (!r.layer_groups.empty()) json["layer_groups"] = nlohmann::ordered_json::array();
  for (const LayerGroupReport& g : r.layer_groups) {
    nlohmann::ordered_json group = {{"layer_group", g.layer_group},
                                    {"num_tokens", g.num_tokens},
                                    {"num_missing", g.num_missing},
                                    {"mean_k", g.mean_k},
                                    {"max_vio", g.max_vio},
                                    {"entropy_bits", g.entropy_bits},
                                    {"dead_experts", g.dead_experts},
                                    {"coactivation_exact", g.coactivation_exact},
                                    {"load", g.load}};
    if (r.num_ranks > 0) group["balancedness"] = g.balancedness;
    if (!g.coactivation.empty()) group["coactivation"] = g.coactivation;
    json["layer_groups"].push_back(std::move(group));
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string TableReportText(const TableReport& r) {
  std::string out;
  const auto line = [&out](absl::string_view name, const std::string& value) {
    absl::StrAppendFormat(&out, "%-20s %s\n", name, value);
  };
  const auto known = [](const std::string& digest) {
    return digest.empty() ? std::string("unknown") : digest;
  };
  line("table", r.path);
  line("content digest", r.content_digest);
  line("tier", absl::StrCat(r.tier, ", ", r.stored_bytes, " bytes"));
  line("samples, tokens", absl::StrCat(r.num_samples, ", ", r.num_tokens));
  line("experts, k", absl::StrCat(r.num_experts, ", ", r.k, r.per_token_k ? " at most, per token" : ""));
  line("layer groups", absl::StrCat(r.num_layer_groups));
  line("gate weights", r.weight_type);
  line("causality", r.causality);
  line("tokenizer", known(r.tokenizer_digest));
  line("router", known(r.router_digest));
  line("sample index", known(r.sample_index_digest));
  if (!r.parent_digest.empty()) line("lossy copy of", r.parent_digest);
  line("token checksums", r.token_crcs_known ? "known" : "unknown");
  for (const DataSplit& split : r.splits) {
    line(absl::StrCat("split ", split.name),
         absl::StrCat(split.num_samples, " samples, ", split.num_tokens, " tokens, ", split.num_loss_tokens,
                      " in the loss"));
  }
  if (!r.domains.empty()) line("domains", absl::StrJoin(r.domains, ", "));
  for (const std::string& note : r.provenance) line("provenance", note);
  if (r.layer_groups.empty()) return out;
  absl::StrAppendFormat(&out, "\n%11s %14s %10s %7s %6s %6s %8s %8s %6s%s\n", "layer group", "tokens",
                        "missing", "mean k", "least", "most", "MaxVio", "entropy", "dead",
                        r.num_ranks > 0 ? absl::StrCat("  balancedness on ", r.num_ranks, " ranks") : "");
  for (const LayerGroupReport& g : r.layer_groups) {
    const LoadRange range = RangeOf(g.load);
    absl::StrAppendFormat(&out, "%11d %14d %10d %7.3f %6.2f %6.2f %8.3f %8.3f %6d", g.layer_group,
                          g.num_tokens, g.num_missing, g.mean_k, range.least, range.most, g.max_vio,
                          g.entropy_bits, g.dead_experts);
    if (r.num_ranks > 0) absl::StrAppendFormat(&out, "  %.3f", g.balancedness);
    out.push_back('\n');
  }
  absl::StrAppend(
      &out,
      "least, most: load of an expert as a share of the mean; entropy in bits, log2(experts) when "
      "even\n");
  return out;
}

std::string ExpertLoadText(const TableReport& r) {
  constexpr size_t kPerLine = 16;
  std::string out;
  for (const LayerGroupReport& g : r.layer_groups) {
    absl::StrAppend(&out, "\nload of each expert in layer group ", g.layer_group, ", mean 1\n");
    const double mean = MeanOf(g.load);
    for (size_t e = 0; e < g.load.size(); ++e) {
      if (e % kPerLine == 0) absl::StrAppendFormat(&out, "%6d:", e);
      absl::StrAppendFormat(&out, " %5.2f", static_cast<double>(g.load[e]) / mean);
      if (e % kPerLine == kPerLine - 1 || e + 1 == g.load.size()) out.push_back('\n');
    }
  }
  return out;
}

}  // namespace grouter
