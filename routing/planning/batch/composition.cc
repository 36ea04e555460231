#include "routing/planning/batch/composition.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

constexpr uint64_t kPurpose = 0x636F6D70;  // "comp"
// Columns of a window: (layer group, expert), folded by a hash where there are more.
constexpr uint32_t kMostColumns = 1024;
// Loads are shifted until a column's sum is below this, so that squares add up in 64 bits.
constexpr uint64_t kLargestSum = uint64_t{1} << 26;
constexpr size_t kKeptWindows = 4;  // steps move forward, and ranks are not far apart

class Search {
 public:
  explicit Search(const WindowProblem& problem)
      : problem_(problem),
        num_samples_(static_cast<uint32_t>(problem.segment.size())),
        num_batches_((num_samples_ + problem.batch_samples - 1) / problem.batch_samples),
        order_(num_samples_),
        load_(size_t{num_batches_} * problem.num_columns, 0) {
    std::iota(order_.begin(), order_.end(), 0);
    for (uint32_t s = 0; s < num_samples_; ++s) {
      num_domains_ = std::max(num_domains_, problem.domain[s] + 1);
      if (problem.segment[s] >= members_.size()) members_.resize(problem.segment[s] + 1);
      members_[problem.segment[s]].push_back(s);
      int64_t* batch = LoadOf(BatchOf(s));
      for (uint32_t c = 0; c < problem.num_columns; ++c) batch[c] += LoadOfSample(s)[c];
    }
    drift_.assign(size_t{num_batches_} * num_domains_, 0);
  }

  void Run(uint64_t iterations, uint64_t seed) {
    if (num_batches_ < 2) return;
    Random random(seed, kPurpose);
    for (uint64_t i = 0; i < iterations; ++i) {
      const uint32_t a = static_cast<uint32_t>(random.Below(num_samples_));
      // A place keeps its segment: swaps never leave one.
      const std::vector<uint32_t>& places = members_[problem_.segment[a]];
      const uint32_t b = places[random.Below(places.size())];
      if (BatchOf(a) != BatchOf(b) && DomainsHold(a, b) && Change(a, b) < 0) Swap(a, b);
    }
  }

  std::vector<uint32_t> TakeOrder() { return std::move(order_); }

 private:
  uint32_t BatchOf(uint32_t place) const { return place / problem_.batch_samples; }
  int64_t* LoadOf(uint32_t batch) { return load_.data() + size_t{batch} * problem_.num_columns; }
  const int32_t* LoadOfSample(uint32_t sample) const {
    return problem_.load.data() + size_t{sample} * problem_.num_columns;
  }
  int64_t& Drift(uint32_t batch, uint32_t domain) { return drift_[size_t{batch} * num_domains_ + domain]; }

  bool DomainsHold(uint32_t a, uint32_t b) {
    const uint32_t from = problem_.domain[order_[a]], to = problem_.domain[order_[b]];
    if (from == to) return true;
    const int64_t slack = problem_.domain_slack;
    return Drift(BatchOf(a), from) > -slack && Drift(BatchOf(a), to) < slack &&
           Drift(BatchOf(b), to) > -slack && Drift(BatchOf(b), from) < slack;
  }

  // Half the change of the squares: with d = what batch a gains, sum of d (a - b + d).
  int64_t Change(uint32_t a, uint32_t b) {
    const int64_t* first = LoadOf(BatchOf(a));
    const int64_t* second = LoadOf(BatchOf(b));
    const int32_t* out = LoadOfSample(order_[a]);
    const int32_t* in = LoadOfSample(order_[b]);
    int64_t change = 0;
    for (uint32_t c = 0; c < problem_.num_columns; ++c) {
      const int64_t d = in[c] - out[c];
      change += d * (first[c] - second[c] + d);
    }
    return change;
  }

  void Swap(uint32_t a, uint32_t b) {
    const uint32_t from = problem_.domain[order_[a]], to = problem_.domain[order_[b]];
    --Drift(BatchOf(a), from), ++Drift(BatchOf(a), to);
    --Drift(BatchOf(b), to), ++Drift(BatchOf(b), from);
    int64_t* first = LoadOf(BatchOf(a));
    int64_t* second = LoadOf(BatchOf(b));
    for (uint32_t c = 0; c < problem_.num_columns; ++c) {
      const int64_t d = LoadOfSample(order_[b])[c] - LoadOfSample(order_[a])[c];
      first[c] += d;
      second[c] -= d;
    }
    std::swap(order_[a], order_[b]);
  }

  const WindowProblem& problem_;
  const uint32_t num_samples_;
  const uint32_t num_batches_;
  uint32_t num_domains_ = 0;
  std::vector<uint32_t> order_;                 // [place] -> sample
  std::vector<int64_t> load_;                   // [batches][columns]
  std::vector<int64_t> drift_;                  // [batches][domains] samples more than in the uniform order
  std::vector<std::vector<uint32_t>> members_;  // [segments] places
};

// Numbers keys from 0 in the order in which they come.
template <typename Key>
class Numbering {
 public:
  uint32_t Of(const Key& key) {
    return numbers_.emplace(key, static_cast<uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::map<Key, uint32_t> numbers_;
};

}  // namespace

uint64_t SquaredLoad(const WindowProblem& problem, const std::vector<uint32_t>& order) {
  uint64_t sum = 0;
  for (size_t begin = 0; begin < order.size(); begin += problem.batch_samples) {
    const size_t end = std::min(order.size(), begin + problem.batch_samples);
    for (uint32_t c = 0; c < problem.num_columns; ++c) {
      uint64_t load = 0;
      for (size_t i = begin; i < end; ++i) load += problem.load[size_t{order[i]} * problem.num_columns + c];
      sum += load * load;
    }
  }
  return sum;
}

std::vector<uint32_t> ComposeWindow(const WindowProblem& problem, uint64_t iterations, uint64_t seed) {
  Search search(problem);
  search.Run(iterations, seed);
  return search.TakeOrder();
}

ComposedOrder::ComposedOrder(const JobDraft& draft, const SampleOrder& order,
                             std::vector<std::shared_ptr<const RoutingTable>> tables,
                             std::vector<uint64_t> first_sample)
    : settings_(*draft.batch.composition),
      seed_(draft.seed),
      order_(order),
      tables_(std::move(tables)),
      first_sample_(std::move(first_sample)),
      layer_groups_(draft.model.layer_group_of_layer) {
  std::sort(layer_groups_.begin(), layer_groups_.end());
  layer_groups_.erase(std::unique(layer_groups_.begin(), layer_groups_.end()), layer_groups_.end());
}

absl::StatusOr<std::vector<OrderedSample>> ComposedOrder::Range(uint64_t first, uint64_t count) const {
  std::vector<OrderedSample> samples;
  samples.reserve(count);
  for (uint64_t position = first; position < first + count;) {
    const uint64_t window = position / settings_.window_samples;
    GROUTER_ASSIGN_OR_RETURN(const Window composed, Get(window));
    const uint64_t begin = window * settings_.window_samples;
    const uint64_t end = std::min(first + count, begin + settings_.window_samples);
    samples.insert(samples.end(), composed->begin() + (position - begin), composed->begin() + (end - begin));
    position = end;
  }
  return samples;
}

absl::StatusOr<ComposedOrder::Window> ComposedOrder::Get(uint64_t window) const {
  // Made under the lock: the ranks of a step ask for one window, and it must be made once.
  MutexLock lock(&mutex_);
  for (const auto& [number, kept] : recent_) {
    if (number == window) return kept;
  }
  GROUTER_ASSIGN_OR_RETURN(Window made, Make(window));
  recent_.emplace_back(window, made);
  if (recent_.size() > kKeptWindows) recent_.pop_front();
  return made;
}

absl::StatusOr<ComposedOrder::Window> ComposedOrder::Make(uint64_t window) const {
  const std::vector<OrderedSample> uniform =
      order_.Range(window * settings_.window_samples, settings_.window_samples);
  const uint64_t all_columns = uint64_t{layer_groups_.size()} * tables_[0]->header().num_experts;
  WindowProblem problem;
  problem.batch_samples = settings_.batch_samples;
  problem.domain_slack = settings_.domain_slack;
  problem.num_columns = static_cast<uint32_t>(std::min<uint64_t>(all_columns, kMostColumns));
  Numbering<std::pair<uint32_t, uint64_t>> segments;
  Numbering<std::pair<uint32_t, uint32_t>> domains;
  for (const OrderedSample& sample : uniform) {
    const SampleFacts facts = tables_[sample.table]->facts(first_sample_[sample.table] + sample.index);
    problem.segment.push_back(segments.Of({sample.table, sample.epoch}));
    problem.domain.push_back(domains.Of({sample.table, facts.domain}));
  }
  // Twice over the counts, not once with a wider copy: a window may be large.
  const auto for_each_count = [&](auto add) -> absl::Status {
    std::vector<ExpertCount> counts;
    for (size_t s = 0; s < uniform.size(); ++s) {
      const RoutingTable& table = *tables_[uniform[s].table];
      for (size_t g = 0; g < layer_groups_.size(); ++g) {
        GROUTER_RETURN_IF_ERROR(table.ExpertCounts(first_sample_[uniform[s].table] + uniform[s].index,
                                                   layer_groups_[g], &counts));
        for (const ExpertCount& count : counts) {
          const uint64_t column = g * table.header().num_experts + count.expert;
          add(s, all_columns <= kMostColumns ? column : Mix64(column) % kMostColumns, count.count);
        }
      }
    }
    return absl::OkStatus();
  };
  std::vector<uint64_t> sums(problem.num_columns, 0);
  GROUTER_RETURN_IF_ERROR(
      for_each_count([&](size_t, uint64_t column, uint64_t count) { sums[column] += count; }));
  int shift = 0;
  while (*std::max_element(sums.begin(), sums.end()) >> shift >= kLargestSum) ++shift;
  problem.load.assign(uniform.size() * problem.num_columns, 0);
  GROUTER_RETURN_IF_ERROR(for_each_count([&](size_t s, uint64_t column, uint64_t count) {
    problem.load[s * problem.num_columns + column] += static_cast<int32_t>(count >> shift);
  }));
  const std::vector<uint32_t> order =
      ComposeWindow(problem, settings_.iterations, Mix64(seed_) ^ Mix64(window + 1));
  auto composed = std::make_shared<std::vector<OrderedSample>>();
  composed->reserve(order.size());
  for (const uint32_t s : order) composed->push_back(uniform[s]);
  return Window(std::move(composed));
}

}  // namespace grouter
