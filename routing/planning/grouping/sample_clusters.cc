#include "routing/planning/grouping/sample_clusters.h"

#include <algorithm>
#include <cmath>

#include "io/error.h"
#include "io/random.h"
#include "routing/planning/batch/transport.h"

namespace grouter {
namespace {

constexpr uint64_t kOne = 1 << 14;  // a share of 1

// log2 of x > 0 in 2^-16 bits: the exponent, then a bit for each squaring of the mantissa.
uint64_t Log2Bits16(uint64_t x) {
  uint32_t exponent = 0;
  while (exponent < 63 && x >> (exponent + 1) != 0) ++exponent;
  uint64_t mantissa = exponent > 31 ? x >> (exponent - 31) : x << (31 - exponent);  // [2^31, 2^32)
  uint64_t log = exponent;
  for (int i = 0; i < 16; ++i) {
    mantissa = mantissa * mantissa >> 31;
    log <<= 1;
    if (mantissa >> 32 != 0) {
      mantissa >>= 1;
      log |= 1;
    }
  }
  return log;
}

// Affinities as rows of shares, [samples][experts].
struct Rows {
  uint32_t width = 0;
  std::vector<int32_t> shares;
  uint64_t count() const { return shares.size() / width; }
  const int32_t* row(uint64_t i) const { return &shares[i * width]; }
};

uint64_t Distance(const int32_t* a, const int32_t* b, uint32_t width) {
  uint64_t sum = 0;
  for (uint32_t e = 0; e < width; ++e) {
    const int64_t difference = a[e] - b[e];
    sum += static_cast<uint64_t>(difference * difference);
  }
  return sum;
}

Rows AffinityRows(const SampleCounts& samples, uint32_t num_experts, uint32_t max_entropy_permille) {
  Rows all, kept;
  all.width = kept.width = num_experts;
  std::vector<uint64_t> counts;
  const uint64_t limit = Log2Bits16(num_experts) * max_entropy_permille / 1000;
  for (uint64_t s = 0; s < samples.num_samples(); ++s) {
    counts.assign(num_experts, 0);
    uint64_t total = 0;
    for (uint64_t i = samples.first[s]; i < samples.first[s + 1]; ++i) {
      if (samples.counts[i].expert >= num_experts) continue;
      counts[samples.counts[i].expert] += samples.counts[i].count;
      total += samples.counts[i].count;
    }
    if (total == 0) continue;
    const bool keep = EntropyBits16(counts) <= limit;
    for (uint64_t count : counts) {
      const int32_t share = static_cast<int32_t>(count * kOne / total);
      all.shares.push_back(share);
      if (keep) kept.shares.push_back(share);
    }
  }
  return kept.shares.empty() ? all : kept;
}

struct Clusters {
  Rows centers;
  std::vector<uint32_t> of_row;
  uint64_t inertia = 0;
};

// k-means++: each further centre is a row drawn with probability by its squared distance to the nearest.
Rows FirstCenters(const Rows& rows, uint32_t count, Random* random) {
  Rows centers;
  centers.width = rows.width;
  std::vector<uint64_t> nearest(rows.count(), UINT64_MAX);
  uint64_t chosen = random->Below(rows.count());
  for (uint32_t c = 0; c < count; ++c) {
    centers.shares.insert(centers.shares.end(), rows.row(chosen), rows.row(chosen) + rows.width);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < rows.count(); ++i) {
      nearest[i] = std::min(nearest[i], Distance(rows.row(i), centers.row(c), rows.width));
      sum += nearest[i];
    }
    if (sum == 0) break;  // fewer rows that differ than centres
    uint64_t draw = random->Below(sum);
    for (chosen = 0; draw >= nearest[chosen]; ++chosen) draw -= nearest[chosen];
  }
  return centers;
}

Clusters KMeans(const Rows& rows, uint32_t count, uint32_t max_rounds, Random* random) {
  Clusters clusters;
  clusters.centers = FirstCenters(rows, count, random);
  clusters.of_row.assign(rows.count(), UINT32_MAX);
  const uint64_t found = clusters.centers.count();
  for (uint32_t round = 0; round < max_rounds; ++round) {
    bool changed = false;
    clusters.inertia = 0;
    std::vector<int64_t> sums(clusters.centers.shares.size(), 0);
    std::vector<int64_t> sizes(found, 0);
    for (uint64_t i = 0; i < rows.count(); ++i) {
      uint32_t best = 0;
      uint64_t least = UINT64_MAX;
      for (uint32_t c = 0; c < found; ++c) {
        const uint64_t distance = Distance(rows.row(i), clusters.centers.row(c), rows.width);
        if (distance < least) {
          best = c;
          least = distance;
        }
      }
      changed = changed || clusters.of_row[i] != best;
      clusters.of_row[i] = best;
      clusters.inertia += least;
      ++sizes[best];
      for (uint32_t e = 0; e < rows.width; ++e) sums[uint64_t{best} * rows.width + e] += rows.row(i)[e];
    }
    if (!changed) break;
    for (uint64_t c = 0; c < found; ++c) {
      if (sizes[c] == 0) continue;  // stays where it was
      for (uint32_t e = 0; e < rows.width; ++e) {
        clusters.centers.shares[c * rows.width + e] =
            static_cast<int32_t>(sums[c * rows.width + e] / sizes[c]);
      }
    }
  }
  return clusters;
}

double CosineDistance(const int32_t* a, const int32_t* b, uint32_t width) {
  int64_t ab = 0, aa = 0, bb = 0;
  for (uint32_t e = 0; e < width; ++e) {
    ab += int64_t{a[e]} * b[e];
    aa += int64_t{a[e]} * a[e];
    bb += int64_t{b[e]} * b[e];
  }
  const double norms = std::sqrt(static_cast<double>(aa)) * std::sqrt(static_cast<double>(bb));
  return norms == 0 ? 1.0 : 1.0 - static_cast<double>(ab) / norms;
}

// Complete linkage by cosine distance down to `count` groups. [centers] -> group.
std::vector<uint32_t> Agglomerate(const Rows& centers, uint32_t count) {
  const uint64_t n = centers.count();
  std::vector<uint32_t> group(n);
  std::vector<double> distance(n * n, 0);
  for (uint64_t a = 0; a < n; ++a) {
    group[a] = static_cast<uint32_t>(a);
    for (uint64_t b = 0; b < n; ++b)
      distance[a * n + b] = CosineDistance(centers.row(a), centers.row(b), centers.width);
  }
  std::vector<uint32_t> alive = group;
  while (alive.size() > count) {
    size_t first = 0, second = 1;
    for (size_t i = 0; i < alive.size(); ++i) {
      for (size_t j = i + 1; j < alive.size(); ++j) {
        if (distance[alive[i] * n + alive[j]] < distance[alive[first] * n + alive[second]]) {
          first = i;
          second = j;
        }
      }
    }
    const uint32_t into = alive[first], gone = alive[second];
    for (uint32_t other : alive) {
      const double farther = std::max(distance[into * n + other], distance[gone * n + other]);
      distance[into * n + other] = distance[other * n + into] = farther;
    }
    for (uint32_t& each : group) {
      if (each == gone) each = into;
    }
    alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(second));
  }
  for (uint32_t& each : group) {
    each = static_cast<uint32_t>(std::find(alive.begin(), alive.end(), each) - alive.begin());
  }
  return group;
}

}  // namespace

uint64_t EntropyBits16(const std::vector<uint64_t>& counts) {
  uint64_t total = 0;
  for (uint64_t count : counts) total += count;
  if (total == 0) return 0;
  // log2(total) - sum(count log2 count) / total
  unsigned __int128 sum = 0;
  for (uint64_t count : counts) {
    if (count > 0) sum += static_cast<unsigned __int128>(count) * Log2Bits16(count);
  }
  const uint64_t all = Log2Bits16(total), less = static_cast<uint64_t>(sum / total);
  return all > less ? all - less : 0;
}

std::vector<uint32_t> GroupBySampleClusters(const SampleCounts& samples, uint32_t num_experts,
                                            const std::vector<uint32_t>& capacity,
                                            const SampleClusterOptions& options) {
  const uint32_t places = static_cast<uint32_t>(capacity.size());
  uint64_t room = 0;
  for (uint32_t each : capacity) room += each;
  GROUTER_CHECK(num_experts > 0 && room == num_experts);
  const Rows rows = AffinityRows(samples, num_experts, options.max_entropy_permille);
  std::vector<int64_t> cost(uint64_t{num_experts} * places, 0);
  if (rows.count() > 0) {
    Random random(options.seed, 0x636C757374);
    Clusters best;
    for (uint32_t start = 0; start < std::max<uint32_t>(options.num_starts, 1); ++start) {
      Clusters found = KMeans(rows, std::max<uint32_t>(options.num_clusters, 1),
                              std::max<uint32_t>(options.max_rounds, 1), &random);
      if (start == 0 || found.inertia < best.inertia) best = std::move(found);
    }
    const std::vector<uint32_t> group = Agglomerate(best.centers, places);
    std::vector<int64_t> sums(uint64_t{places} * num_experts, 0);
    std::vector<int64_t> sizes(places, 0);
    for (uint64_t i = 0; i < rows.count(); ++i) {
      const uint32_t g = group[best.of_row[i]];
      ++sizes[g];
      for (uint32_t e = 0; e < num_experts; ++e) sums[uint64_t{g} * num_experts + e] += rows.row(i)[e];
    }
    std::vector<uint32_t> groups(places), order(places);
    for (uint32_t p = 0; p < places; ++p) groups[p] = order[p] = p;
    std::stable_sort(groups.begin(), groups.end(),
                     [&](uint32_t a, uint32_t b) { return sizes[a] > sizes[b]; });
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return capacity[a] > capacity[b]; });
    for (uint32_t i = 0; i < places; ++i) {
      const uint32_t g = groups[i];
      for (uint32_t e = 0; e < num_experts && sizes[g] > 0; ++e) {
        // Shares in 2^-30, so that the mean keeps its digits.
        cost[uint64_t{e} * places + order[i]] = -(sums[uint64_t{g} * num_experts + e] << 16) / sizes[g];
      }
    }
  }
  return SolveTransport(num_experts, cost, capacity);
}

}  // namespace grouter
