#include "routing/network/expand.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"
#include "io/random.h"
#include "routing/balance.h"
#include "routing/network/router_network.h"

namespace grouter {
namespace {

double SquaredDistance(const float* a, const double* b, uint32_t size) {
  double sum = 0;
  for (uint32_t i = 0; i < size; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

std::vector<double> FirstCenters(absl::Span<const float> points, uint32_t size, uint32_t num_centers,
                                 uint64_t seed) {
  const size_t num_points = points.size() / size;
  Random random(seed);
  const size_t first = random.Below(num_points);
  std::vector<double> centers(points.begin() + first * size, points.begin() + (first + 1) * size);
  std::vector<double> distance(num_points, std::numeric_limits<double>::infinity());
  while (centers.size() < size_t{num_centers} * size) {
    const double* last = &centers[centers.size() - size];
    double sum = 0;
    for (size_t p = 0; p < num_points; ++p) {
      distance[p] = std::min(distance[p], SquaredDistance(&points[p * size], last, size));
      sum += distance[p];
    }
    double left = random.Uniform() * sum;
    size_t drawn = 0;
    while (drawn + 1 < num_points && left >= distance[drawn]) left -= distance[drawn++];
    centers.insert(centers.end(), points.begin() + drawn * size, points.begin() + (drawn + 1) * size);
  }
  return centers;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// What is left of `row` outside the span of an orthonormal basis; twice, for rounding.
void RemoveSpan(const std::vector<std::vector<double>>& basis, std::vector<double>* row) {
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& direction : basis) {
      const double along = Dot(*row, direction);
      for (size_t i = 0; i < row->size(); ++i) (*row)[i] -= along * direction[i];
    }
  }
}

// Appends the row's direction outside the basis; false when there is nothing left of it.
bool Extend(std::vector<double> row, std::vector<std::vector<double>>* basis) {
  constexpr double kNothing = 1e-6;  // of the row's norm
  const double before = std::sqrt(Dot(row, row));
  RemoveSpan(*basis, &row);
  const double norm = std::sqrt(Dot(row, row));
  if (!(norm > kNothing * before)) return false;
  for (double& value : row) value /= norm;
  basis->push_back(std::move(row));
  return true;
}

std::vector<double> Row(absl::Span<const float> rows, size_t r, uint32_t size) {
  return std::vector<double>(rows.begin() + r * size, rows.begin() + (r + 1) * size);
}

}  // namespace

std::vector<float> ClusterCenters(absl::Span<const float> points, uint32_t size, uint32_t num_centers,
                                  uint32_t iterations, uint64_t seed) {
  const size_t num_points = points.size() / size;
  GROUTER_CHECK(num_centers >= 1 && num_centers <= num_points);
  std::vector<double> centers = FirstCenters(points, size, num_centers, seed);
  std::vector<uint32_t> owner(num_points, num_centers);
  std::vector<double> distance(num_points);
  for (uint32_t iteration = 0; iteration < iterations; ++iteration) {
    bool moved = false;
    for (size_t p = 0; p < num_points; ++p) {
      uint32_t best = 0;
      distance[p] = std::numeric_limits<double>::infinity();
      for (uint32_t c = 0; c < num_centers; ++c) {
        const double d = SquaredDistance(&points[p * size], &centers[size_t{c} * size], size);
        if (d < distance[p]) {
          distance[p] = d;
          best = c;
        }
      }
      moved = moved || owner[p] != best;
      owner[p] = best;
    }
    if (!moved) break;
    std::fill(centers.begin(), centers.end(), 0.0);
    std::vector<uint64_t> counts(num_centers, 0);
    for (size_t p = 0; p < num_points; ++p) {
      ++counts[owner[p]];
      for (uint32_t i = 0; i < size; ++i) centers[size_t{owner[p]} * size + i] += points[p * size + i];
    }
    for (uint32_t c = 0; c < num_centers; ++c) {
      if (counts[c] == 0) {
        const size_t farthest = std::max_element(distance.begin(), distance.end()) - distance.begin();
        distance[farthest] = 0;
        std::copy_n(points.begin() + farthest * size, size, centers.begin() + size_t{c} * size);
        continue;
      }
      for (uint32_t i = 0; i < size; ++i) centers[size_t{c} * size + i] /= static_cast<double>(counts[c]);
    }
  }
  return std::vector<float>(centers.begin(), centers.end());
}

std::vector<float> NewScoreRows(absl::Span<const float> old_rows, absl::Span<const float> centers,
                                uint32_t size) {
  std::vector<std::vector<double>> basis;
  const size_t num_old = old_rows.size() / size;
  double norm_sum = 0;
  for (size_t r = 0; r < num_old; ++r) {
    std::vector<double> row = Row(old_rows, r, size);
    norm_sum += std::sqrt(Dot(row, row));
    Extend(std::move(row), &basis);
  }
  const double wanted_norm = num_old == 0 ? 1.0 : norm_sum / static_cast<double>(num_old);
  std::vector<float> rows;
  for (size_t r = 0; r < centers.size() / size; ++r) {
    std::vector<double> row = Row(centers, r, size);
    if (Extend(row, &basis)) row = basis.back();
    const double norm = std::sqrt(Dot(row, row));
    for (const double value : row)
      rows.push_back(static_cast<float>(norm == 0 ? 0 : value / norm * wanted_norm));
  }
  return rows;
}

std::string ExpandMetrics::ToJson() const {
  const nlohmann::ordered_json json = {{"num_tokens", num_tokens},
                                       {"num_worst_tokens", num_worst_tokens},
                                       {"max_vio_before", max_vio_before},
                                       {"max_vio_after", max_vio_after},
                                       {"new_expert_share", new_expert_share}};
  return json.dump();
}

absl::StatusOr<ExpandResult> Expand(const Router& router, const SampleSource& samples,
                                    const ExpandOptions& options, const ProgressCallback& progress) {
  const uint32_t old_experts = router.spec.shape.num_experts;
  const uint32_t hidden = router.spec.shape.hidden_size;
  if (options.num_experts <= old_experts || !(options.worst_share > 0 && options.worst_share <= 1)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("cannot expand ", old_experts, " experts to ", options.num_experts), "expand",
                 absl::StrCat("name more than ", old_experts, " experts and a worst_share in (0, 1]"));
  }
  ExpandResult result;
  ExpandMetrics& metrics = result.metrics;
  const RouterNetwork network(router);
  std::vector<float> states;
  std::vector<float> best_scores;
  std::vector<uint64_t> before(old_experts), after(options.num_experts);
  std::vector<SampleTokens> used;
  const uint64_t total = std::min(options.max_tokens, samples.num_tokens());
  for (uint64_t s = 0; s < samples.num_samples() && metrics.num_tokens < total; ++s) {
    SampleTokens sample;
    GROUTER_RETURN_IF_ERROR(samples.Read(s, &sample));
    GROUTER_ASSIGN_OR_RETURN(const std::vector<float> sample_states, network.Hidden(sample));
    GROUTER_ASSIGN_OR_RETURN(const std::vector<float> scores, network.Scores(sample));
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network.Route(sample));
    for (size_t t = 0; t < sample.tokens.size(); ++t) {
      best_scores.push_back(
          *std::max_element(scores.begin() + t * old_experts, scores.begin() + (t + 1) * old_experts));
    }
    for (const uint32_t id : routes.ids) ++before[id];
    states.insert(states.end(), sample_states.begin(), sample_states.end());
    metrics.num_tokens += sample.tokens.size();
    used.push_back(std::move(sample));
    if (progress && !progress({"collect", std::min(metrics.num_tokens, total), total, 0})) {
      return Error(absl::StatusCode::kCancelled, "expanding was cancelled");
    }
  }
  const uint32_t num_new = options.num_experts - old_experts;
  if (metrics.num_tokens < num_new) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat(num_new, " new experts need more than ", metrics.num_tokens, " tokens"),
                 "expand", "give more samples");
  }
  std::vector<size_t> order(metrics.num_tokens);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return best_scores[a] < best_scores[b]; });
  metrics.num_worst_tokens = std::max<uint64_t>(
      num_new, static_cast<uint64_t>(options.worst_share * static_cast<double>(metrics.num_tokens)));
  std::vector<float> worst;
  for (uint64_t i = 0; i < metrics.num_worst_tokens; ++i) {
    worst.insert(worst.end(), states.begin() + order[i] * hidden, states.begin() + (order[i] + 1) * hidden);
  }
  result.router = router;
  result.router.digest = Digest();
  result.router.spec.shape.num_experts = options.num_experts;
  result.router.spec.causality_established = false;
  GROUTER_RETURN_IF_ERROR(result.router.spec.Validate());
  RouterTensor& weight = result.router.tensors.at(kScoreWeight);
  const std::vector<float> rows = NewScoreRows(
      weight.values, ClusterCenters(worst, hidden, num_new, options.iterations, options.seed), hidden);
  weight.values.insert(weight.values.end(), rows.begin(), rows.end());
  weight.shape[0] = options.num_experts;
  const auto bias = result.router.tensors.find(kSelectionBias);
  if (bias != result.router.tensors.end()) {
    bias->second.values.resize(options.num_experts, 0.0f);
    bias->second.shape[0] = options.num_experts;
  }
  const RouterNetwork expanded(result.router);
  uint64_t selections = 0, new_selections = 0;
  for (const SampleTokens& sample : used) {
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, expanded.Route(sample));
    for (const uint32_t id : routes.ids) {
      ++after[id];
      ++selections;
      new_selections += id >= old_experts;
    }
  }
  metrics.max_vio_before = MaxVio(before);
  metrics.max_vio_after = MaxVio(after);
  metrics.new_expert_share =
      static_cast<double>(new_selections) / static_cast<double>(std::max<uint64_t>(1, selections));
  nlohmann::ordered_json step = {
      {"step", "expand"}, {"seed", options.seed}, {"metrics", ParseOrderedJson(metrics.ToJson())}};
  if (!router.digest.IsZero()) step["router"] = router.digest.Hex();
  result.router.spec.history.push_back(step.dump());
  return result;
}

}  // namespace grouter
