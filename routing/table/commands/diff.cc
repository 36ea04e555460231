#include "routing/table/commands/diff.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

std::vector<std::string> HeaderFields(const RoutingTable& a, const RoutingTable& b) {
  const TableHeader &x = a.header(), &y = b.header();
  std::vector<std::string> fields;
  const auto note = [&](bool differs, const char* field) {
    if (differs) fields.push_back(field);
  };
  note(x.tokenizer_digest != y.tokenizer_digest, "tokenizer_digest");
  note(x.router_digest != y.router_digest, "router_digest");
  note(x.sample_index_digest != y.sample_index_digest, "sample_index_digest");
  note(x.parent_digest != y.parent_digest, "parent_digest");
  note(x.num_experts != y.num_experts, "num_experts");
  note(x.k != y.k, "k");
  note(x.per_token_k != y.per_token_k, "per_token_k");
  note(x.num_layer_groups != y.num_layer_groups, "num_layer_groups");
  note(x.weight_type != y.weight_type, "weight_type");
  note(x.causality != y.causality, "causality");
  note(x.allow_generation_capture != y.allow_generation_capture, "allow_generation_capture");
  note(x.cross_document != y.cross_document, "cross_document");
  note(x.eod_token != y.eod_token, "eod_token");
  note(x.eod_rule != y.eod_rule, "eod_rule");
  note(x.padding_rule != y.padding_rule, "padding_rule");
  note(a.num_samples() != b.num_samples(), "num_samples");
  note(a.num_tokens() != b.num_tokens(), "num_tokens");
  return fields;
}

bool Comparable(const RoutingTable& a, const RoutingTable& b) {
  if (a.num_samples() != b.num_samples() || a.header().num_layer_groups != b.header().num_layer_groups ||
      a.header().k != b.header().k) {
    return false;
  }
  for (uint64_t s = 0; s < a.num_samples(); ++s) {
    if (a.facts(s).length != b.facts(s).length) return false;
  }
  return true;
}

std::vector<uint32_t> IdsOf(const RouteView& view, uint32_t token) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < view.NumTopk(token); ++i) ids.push_back(view.Id(token, i));
  return ids;
}

std::string Words(const RouteView& view, uint32_t token) {
  if (view.IsMissing(token)) return "missing";
  std::string words = "ids";
  for (uint32_t id : IdsOf(view, token)) absl::StrAppend(&words, " ", id);
  return words;
}

void CompareWeights(const RouteView& x, const RouteView& y, uint32_t token, TableDiff* diff, bool* differs) {
  if (x.weights.empty() || y.weights.empty()) return;
  for (uint32_t i = 0; i < x.NumTopk(token); ++i) {
    const double a = WeightAt(x.weights, x.weight_type, size_t{token} * x.k + i);
    const double b = WeightAt(y.weights, y.weight_type, size_t{token} * y.k + i);
    if (a == b) continue;
    *differs = true;
    diff->largest_relative_weight_error =
        std::max(diff->largest_relative_weight_error, std::abs(a - b) / std::max(std::abs(a), std::abs(b)));
  }
}

}  // namespace

absl::StatusOr<TableDiff> DiffTables(const RoutingTable& a, const RoutingTable& b,
                                     const DiffOptions& options) {
  TableDiff diff;
  diff.header_fields = HeaderFields(a, b);
  diff.comparable = Comparable(a, b);
  diff.equal = a.content_digest() == b.content_digest();
  if (diff.equal || !diff.comparable) return diff;
  for (uint64_t s = 0; s < a.num_samples(); ++s) {
    for (uint32_t group = 0; group < a.header().num_layer_groups; ++group) {
      GROUTER_ASSIGN_OR_RETURN(const RouteView x, a.CheckedRoutes(s, group));
      GROUTER_ASSIGN_OR_RETURN(const RouteView y, b.CheckedRoutes(s, group));
      diff.num_routes += x.num_tokens;
      for (uint32_t t = 0; t < x.num_tokens; ++t) {
        std::vector<uint32_t> p = IdsOf(x, t), q = IdsOf(y, t);
        bool differs = p != q || x.IsMissing(t) != y.IsMissing(t);
        const std::string words = differs ? absl::StrCat(Words(x, t), " / ", Words(y, t)) : "weights differ";
        if (!differs) CompareWeights(x, y, t, &diff, &differs);
        if (!differs) continue;
        ++diff.routes_differing;
        diff.missing_differing += x.IsMissing(t) != y.IsMissing(t);
        std::sort(p.begin(), p.end());
        std::sort(q.begin(), q.end());
        diff.id_sets_differing += p != q;
        if (diff.examples.size() < options.max_examples) diff.examples.push_back({s, group, t, words});
      }
    }
    if (options.progress) options.progress(s + 1, a.num_samples());
  }
  return diff;
}

}  // namespace grouter
