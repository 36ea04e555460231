#include "routing/balance.h"

#include <algorithm>
#include <numeric>

namespace grouter {
namespace {

// Largest / mean; 0 when there is no load.
double LargestOverMean(absl::Span<const uint64_t> load) {
  const double sum = std::accumulate(load.begin(), load.end(), 0.0);
  if (sum == 0) return 0;
  return static_cast<double>(*std::max_element(load.begin(), load.end())) * static_cast<double>(load.size()) /
         sum;
}

}  // namespace

double MaxVio(absl::Span<const uint64_t> load) {
  const double ratio = LargestOverMean(load);
  return ratio == 0 ? 0 : ratio - 1;
}

double Balancedness(absl::Span<const uint64_t> rank_load) {
  const double ratio = LargestOverMean(rank_load);
  return ratio == 0 ? 1 : 1 / ratio;
}

double Balancedness(absl::Span<const std::vector<uint64_t>> rank_load_per_layer) {
  if (rank_load_per_layer.empty()) return 1;
  double sum = 0;
  for (const std::vector<uint64_t>& layer : rank_load_per_layer)
    sum += Balancedness(absl::MakeConstSpan(layer));
  return sum / static_cast<double>(rank_load_per_layer.size());
}

}  // namespace grouter
