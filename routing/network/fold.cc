#include "routing/network/fold.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"
#include "routing/balance.h"
#include "routing/network/router_network.h"

namespace grouter {
namespace {

// Calls visit(one token's experts) for the routes of the first max_tokens tokens, in whole samples.
template <typename Visit>
absl::StatusOr<uint64_t> RouteTokens(const Router& router, const SampleSource& samples, uint64_t max_tokens,
                                     absl::string_view phase, const ProgressCallback& progress, Visit visit) {
  const RouterNetwork network(router);
  const uint64_t total = std::min(max_tokens, samples.num_tokens());
  uint64_t done = 0;
  SampleTokens sample;
  for (uint64_t s = 0; s < samples.num_samples() && done < total; ++s) {
    GROUTER_RETURN_IF_ERROR(samples.Read(s, &sample));
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network.Route(sample));
    for (uint32_t t = 0; t < routes.num_tokens(); ++t) {
      visit(absl::MakeConstSpan(routes.ids).subspan(size_t{t} * routes.k, routes.k));
    }
    done += routes.num_tokens();
    if (progress && !progress({phase, std::min(done, total), total, 0})) {
      return Error(absl::StatusCode::kCancelled, "folding was cancelled");
    }
  }
  return done;
}

}  // namespace

Coactivation::Coactivation(uint32_t num_experts)
    : num_experts_(num_experts), counts_(size_t{num_experts} * num_experts) {
  GROUTER_CHECK(num_experts <= kMaxExperts);
}

void Coactivation::Add(absl::Span<const uint32_t> experts) {
  for (const uint32_t a : experts) {
    for (const uint32_t b : experts) ++counts_[size_t{a} * num_experts_ + b];
  }
}

std::vector<std::vector<uint32_t>> GroupExperts(const Coactivation& coactivation, uint32_t num_groups) {
  const uint32_t num_experts = coactivation.num_experts();
  GROUTER_CHECK(num_groups >= 1 && num_groups <= num_experts);
  std::vector<bool> placed(num_experts, false);
  std::vector<std::vector<uint32_t>> groups(num_groups);
  for (uint32_t g = 0; g < num_groups; ++g) {
    const uint32_t size = num_experts / num_groups + (g < num_experts % num_groups ? 1 : 0);
    std::vector<uint64_t> affinity(num_experts, 0);  // summed over the group's members
    while (groups[g].size() < size) {
      uint32_t best = num_experts;
      for (uint32_t e = 0; e < num_experts; ++e) {
        if (!placed[e] && (best == num_experts || affinity[e] > affinity[best])) best = e;
      }
      placed[best] = true;
      groups[g].push_back(best);
      for (uint32_t e = 0; e < num_experts; ++e) affinity[e] += coactivation.count(best, e);
    }
  }
  return groups;
}

absl::StatusOr<Router> FoldRouter(const Router& router, const std::vector<std::vector<uint32_t>>& groups,
                                  uint32_t k) {
  const uint32_t num_experts = router.spec.shape.num_experts;
  std::vector<uint32_t> times(num_experts, 0);
  bool valid = groups.size() >= 2;
  for (const auto& group : groups) {
    valid = valid && !group.empty();
    for (const uint32_t expert : group) {
      if (expert < num_experts) ++times[expert];
      valid = valid && expert < num_experts;
    }
  }
  if (!valid || std::any_of(times.begin(), times.end(), [](uint32_t n) { return n != 1; })) {
    return Error(absl::StatusCode::kInvalidArgument, "the groups do not hold every expert exactly once",
                 "fold", "give at least two groups, none empty, that share no expert");
  }
  Router folded = router;
  folded.digest = Digest();
  folded.spec.shape.num_experts = static_cast<uint32_t>(groups.size());
  folded.spec.gate.k = k;
  folded.spec.causality_established = false;
  GROUTER_RETURN_IF_ERROR(folded.spec.Validate());
  const uint64_t hidden = router.spec.shape.hidden_size;
  const std::vector<float>& source = router.tensors.at(kScoreWeight).values;
  RouterTensor weight{{groups.size(), hidden}, std::vector<float>(groups.size() * hidden, 0.0f)};
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const uint32_t expert : groups[g]) {
      for (uint64_t h = 0; h < hidden; ++h) weight.values[g * hidden + h] += source[expert * hidden + h];
    }
  }
  folded.tensors[kScoreWeight] = std::move(weight);
  const absl::Span<const float> bias = router.selection_bias();
  if (!bias.empty()) {
    RouterTensor summed{{groups.size()}, std::vector<float>(groups.size(), 0.0f)};
    for (size_t g = 0; g < groups.size(); ++g) {
      for (const uint32_t expert : groups[g]) summed.values[g] += bias[expert];
    }
    folded.tensors[kSelectionBias] = std::move(summed);
  }
  return folded;
}

std::string FoldMetrics::ToJson() const {
  const nlohmann::ordered_json json = {{"num_tokens", num_tokens},
                                       {"num_experts_before", num_experts_before},
                                       {"num_experts_after", num_experts_after},
                                       {"max_vio_before", max_vio_before},
                                       {"max_vio_after", max_vio_after},
                                       {"groups", groups}};
  return json.dump();
}

absl::StatusOr<FoldResult> Fold(const Router& router, const SampleSource& samples, const FoldOptions& options,
                                const ProgressCallback& progress) {
  const uint32_t num_experts = router.spec.shape.num_experts;
  if (options.num_experts < 2 || options.num_experts >= num_experts ||
      num_experts > Coactivation::kMaxExperts) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("cannot fold ", num_experts, " experts to ", options.num_experts), "fold",
                 absl::StrCat("name a number from 2 to ", num_experts - 1, " for a router of at most ",
                              Coactivation::kMaxExperts, " experts"));
  }
  FoldResult result;
  FoldMetrics& metrics = result.metrics;
  Coactivation coactivation(num_experts);
  GROUTER_ASSIGN_OR_RETURN(metrics.num_tokens, RouteTokens(router, samples, options.max_tokens, "count",
                                                           progress, [&](absl::Span<const uint32_t> experts) {
                                                             coactivation.Add(experts);
                                                           }));
  metrics.groups = GroupExperts(coactivation, options.num_experts);
  const uint32_t k = options.k != 0 ? options.k : std::min(router.spec.gate.k, options.num_experts);
  GROUTER_ASSIGN_OR_RETURN(result.router, FoldRouter(router, metrics.groups, k));
  std::vector<uint64_t> before(num_experts), after(options.num_experts);
  for (uint32_t e = 0; e < num_experts; ++e) before[e] = coactivation.load(e);
  GROUTER_RETURN_IF_ERROR(RouteTokens(result.router, samples, options.max_tokens, "measure", progress,
                                      [&](absl::Span<const uint32_t> experts) {
                                        for (const uint32_t expert : experts) ++after[expert];
                                      })
                              .status());
  metrics.num_experts_before = num_experts;
  metrics.num_experts_after = options.num_experts;
  metrics.max_vio_before = MaxVio(before);
  metrics.max_vio_after = MaxVio(after);
  nlohmann::ordered_json step = {{"step", "fold"}, {"metrics", ParseOrderedJson(metrics.ToJson())}};
  if (!router.digest.IsZero()) step["router"] = router.digest.Hex();
  result.router.spec.history.push_back(step.dump());
  return result;
}

}  // namespace grouter
