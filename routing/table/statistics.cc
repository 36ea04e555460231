#include "routing/table/statistics.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/format.h"
#include "routing/table/varint.h"

namespace grouter {
namespace {

absl::Status Repeated(uint32_t token, uint32_t expert) {
  return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("expert ", expert, " occurs twice"),
               absl::StrCat("token ", token), "give each token different experts");
}

absl::Status Damaged(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, what, "", "run `grouter table verify`, write the shard again");
}

bool ByCount(const CoactivationPair& x, const CoactivationPair& y) {
  return std::tie(y.count, x.a, x.b) < std::tie(x.count, y.a, y.b);
}
bool ByPair(const CoactivationPair& x, const CoactivationPair& y) {
  return std::tie(x.a, x.b) < std::tie(y.a, y.b);
}

// Keeps the largest kMaxStoredPairs, in pair order.
void KeepLargest(LayerGroupStatistics* statistics) {
  std::vector<CoactivationPair>& pairs = statistics->pairs;
  if (pairs.size() > kMaxStoredPairs) {
    std::nth_element(pairs.begin(), pairs.begin() + kMaxStoredPairs, pairs.end(), ByCount);
    pairs.resize(kMaxStoredPairs);
    statistics->exact = false;
  }
  std::sort(pairs.begin(), pairs.end(), ByPair);
}

}  // namespace

StatisticsCollector::StatisticsCollector(uint32_t num_experts) : num_experts_(num_experts) {
  result_.load.assign(num_experts, 0);
  sample_load_.assign(num_experts, 0);
  if (num_experts <= kExactCoactivationExperts) dense_.emplace(num_experts);
}

absl::Status StatisticsCollector::Add(const RouteView& routes, std::vector<ExpertCount>* counts) {
  counts->clear();
  result_.num_tokens += routes.num_tokens;
  GROUTER_RETURN_IF_ERROR(dense_.has_value() ? AddDense(routes) : AddHashed(routes));
  for (uint32_t expert = 0; expert < num_experts_; ++expert) {
    const uint32_t count = sample_load_[expert];
    if (count == 0) continue;
    counts->push_back({expert, count});
    result_.load[expert] += count;
    sample_load_[expert] = 0;
  }
  return absl::OkStatus();
}

absl::Status StatisticsCollector::AddDense(const RouteView& routes) {
  for (uint32_t t = 0; !routes.missing.empty() && t < routes.num_tokens; ++t) {
    result_.num_missing += routes.IsMissing(t);
  }
  const int64_t twice = dense_->Add(routes, sample_load_.data());
  if (twice < 0) return absl::OkStatus();
  const uint32_t token = static_cast<uint32_t>(twice);
  for (uint32_t i = 0; i < routes.NumTopk(token); ++i) {
    for (uint32_t j = 0; j < i; ++j) {
      if (routes.Id(token, i) == routes.Id(token, j)) return Repeated(token, routes.Id(token, i));
    }
  }
  return Repeated(token, 0);
}

absl::Status StatisticsCollector::AddHashed(const RouteView& routes) {
  for (uint32_t t = 0; t < routes.num_tokens; ++t) {
    const uint32_t k = routes.NumTopk(t);
    result_.num_missing += routes.IsMissing(t);
    for (uint32_t i = 0; i < k; ++i) {
      const uint32_t first = routes.Id(t, i);
      ++sample_load_[first];
      for (uint32_t j = i + 1; j < k; ++j) {
        const uint32_t second = routes.Id(t, j);
        if (first == second) return Repeated(t, first);
        ++hashed_[uint64_t{std::min(first, second)} * num_experts_ + std::max(first, second)];
      }
    }
    if (hashed_.size() > kMaxTrackedPairs) DropRarePairs();
  }
  return absl::OkStatus();
}

void StatisticsCollector::DropRarePairs() {
  std::vector<uint64_t> counts;
  counts.reserve(hashed_.size());
  for (const auto& entry : hashed_) counts.push_back(entry.second);
  std::nth_element(counts.begin(), counts.begin() + counts.size() / 2, counts.end());
  const uint64_t threshold = counts[counts.size() / 2];
  absl::erase_if(hashed_, [&](const auto& entry) { return entry.second <= threshold; });
  result_.exact = false;
}

LayerGroupStatistics StatisticsCollector::Finish() {
  for (uint32_t a = 0; dense_.has_value() && a < num_experts_; ++a) {
    for (uint32_t b = a + 1; b < num_experts_; ++b) {
      const uint64_t count = dense_->count(a, b);
      if (count != 0) result_.pairs.push_back({a, b, count});
    }
  }
  for (const auto& entry : hashed_) {
    result_.pairs.push_back({static_cast<uint32_t>(entry.first / num_experts_),
                             static_cast<uint32_t>(entry.first % num_experts_), entry.second});
  }
  KeepLargest(&result_);
  return std::move(result_);
}

void MergeStatistics(const LayerGroupStatistics& from, LayerGroupStatistics* into) {
  into->load.resize(std::max(into->load.size(), from.load.size()));
  for (size_t e = 0; e < from.load.size(); ++e) into->load[e] += from.load[e];
  into->num_tokens += from.num_tokens;
  into->num_missing += from.num_missing;
  into->exact = into->exact && from.exact;
  std::vector<CoactivationPair> united;
  united.reserve(std::max(into->pairs.size(), from.pairs.size()));
  auto x = into->pairs.begin();
  auto y = from.pairs.begin();
  while (x != into->pairs.end() || y != from.pairs.end()) {
    if (y == from.pairs.end() || (x != into->pairs.end() && ByPair(*x, *y))) {
      united.push_back(*x++);
    } else if (x == into->pairs.end() || ByPair(*y, *x)) {
      united.push_back(*y++);
    } else {
      united.push_back({x->a, x->b, x->count + y->count});
      ++x, ++y;
    }
  }
  into->pairs = std::move(united);
  if (into->load.size() > kExactCoactivationExperts) KeepLargest(into);
}

void EncodeStatistics(const LayerGroupStatistics& s, std::string* out) {
  PutVarint(s.num_tokens, out);
  PutVarint(s.num_missing, out);
  PutVarint(s.exact, out);
  for (uint64_t load : s.load) PutVarint(load, out);
  PutVarint(s.pairs.size(), out);
  uint64_t next = 0;
  for (const CoactivationPair& pair : s.pairs) {
    const uint64_t key = uint64_t{pair.a} * s.load.size() + pair.b;
    PutVarint(key - next, out);
    PutVarint(pair.count, out);
    next = key + 1;
  }
}

absl::StatusOr<LayerGroupStatistics> DecodeStatistics(absl::string_view bytes, uint32_t num_experts) {
  const absl::Status damaged = Damaged("the statistics of a layer group are damaged");
  LayerGroupStatistics s;
  uint64_t exact, num_pairs;
  if (!GetVarint(&bytes, &s.num_tokens) || !GetVarint(&bytes, &s.num_missing) || !GetVarint(&bytes, &exact) ||
      exact > 1 || bytes.size() < num_experts) {
    return damaged;
  }
  s.exact = exact != 0;
  s.load.resize(num_experts);
  for (uint64_t& load : s.load) {
    if (!GetVarint(&bytes, &load)) return damaged;
  }
  if (!GetVarint(&bytes, &num_pairs) || num_pairs > bytes.size() / 2) return damaged;
  s.pairs.reserve(num_pairs);
  uint64_t next = 0;
  for (uint64_t i = 0; i < num_pairs; ++i) {
    uint64_t gap, count;
    if (!GetVarint(&bytes, &gap) || !GetVarint(&bytes, &count) || count == 0) return damaged;
    if (gap > uint64_t{num_experts} * num_experts - next) return damaged;
    const uint64_t key = next + gap;
    if (key / num_experts >= key % num_experts) return damaged;
    s.pairs.push_back(
        {static_cast<uint32_t>(key / num_experts), static_cast<uint32_t>(key % num_experts), count});
    next = key + 1;
  }
  if (!bytes.empty()) return damaged;
  return s;
}

void EncodeExpertCounts(absl::Span<const ExpertCount> counts, uint32_t num_experts, std::string* out) {
  std::string sparse(1, 0), values;
  uint32_t next = 0;
  for (const ExpertCount& c : counts) {
    PutVarint(c.expert - next, &sparse);
    PutVarint(c.count, &sparse);
    PutVarint(c.count, &values);
    next = c.expert + 1;
  }
  const size_t bitmap_bytes = (num_experts + 7) / 8;
  if (sparse.size() <= 1 + bitmap_bytes + values.size()) {
    out->append(sparse);
    return;
  }
  std::string bitmap(1 + bitmap_bytes, 0);
  bitmap[0] = 1;
  for (const ExpertCount& c : counts) bitmap[1 + c.expert / 8] |= static_cast<char>(1 << (c.expert % 8));
  out->append(bitmap);
  out->append(values);
}

absl::Status DecodeExpertCounts(absl::string_view bytes, uint32_t num_experts,
                                std::vector<ExpertCount>* counts) {
  counts->clear();
  const absl::Status damaged = Damaged("the expert counts of a sample are damaged");
  if (bytes.empty()) return damaged;
  const char kind = bytes[0];
  bytes.remove_prefix(1);
  uint64_t count;
  if (kind == 0) {
    for (uint64_t next = 0; !bytes.empty();) {
      uint64_t gap;
      if (!GetVarint(&bytes, &gap) || !GetVarint(&bytes, &count) || gap >= num_experts - next || count == 0 ||
          count > UINT32_MAX) {
        return damaged;
      }
      counts->push_back({static_cast<uint32_t>(next + gap), static_cast<uint32_t>(count)});
      next += gap + 1;
    }
    return absl::OkStatus();
  }
  const size_t bitmap_bytes = (num_experts + 7) / 8;
  if (kind != 1 || bytes.size() < bitmap_bytes) return damaged;
  const absl::string_view bitmap = bytes.substr(0, bitmap_bytes);
  bytes.remove_prefix(bitmap_bytes);
  for (uint32_t expert = 0; expert < 8 * bitmap_bytes; ++expert) {
    if ((static_cast<uint8_t>(bitmap[expert / 8]) >> (expert % 8) & 1) == 0) continue;
    if (expert >= num_experts || !GetVarint(&bytes, &count) || count == 0 || count > UINT32_MAX)
      return damaged;
    counts->push_back({expert, static_cast<uint32_t>(count)});
  }
  if (!bytes.empty()) return damaged;
  return absl::OkStatus();
}

}  // namespace grouter
