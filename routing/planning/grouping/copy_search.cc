#include "routing/planning/grouping/copy_search.h"

#include <algorithm>

#include "io/error.h"
#include "io/random.h"
#include "routing/planning/batch/transport.h"

namespace grouter {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;
constexpr uint64_t kMean = 1024;  // the mean load of a place in a slice, in the unit of slice loads
constexpr uint64_t kCopy = 1024;  // the cost of one copy

// `total` in parts of `shares`, the first ones rounded up.
std::vector<uint32_t> Portions(uint32_t total, const std::vector<uint32_t>& shares) {
  uint64_t sum = 0;
  for (uint32_t share : shares) sum += share;
  std::vector<uint32_t> portions;
  uint32_t given = 0;
  for (uint32_t share : shares) {
    portions.push_back(static_cast<uint32_t>(uint64_t{total} * share / std::max<uint64_t>(sum, 1)));
    given += portions.back();
  }
  for (size_t i = 0; given < total; i = (i + 1) % portions.size(), ++given) ++portions[i];
  return portions;
}

// One arrangement under search. A "world" is where a sample can be: one for each place, or one that is
// nowhere. Tokens are ordered by world, so that each world is a range of words.
class Search {
 public:
  Search(const CopyProblem& problem, uint64_t iterations, uint64_t seed, UnionCount count)
      : problem_(problem),
        tokens_(*problem.tokens),
        num_experts_(tokens_.num_experts()),
        places_(static_cast<uint32_t>(problem.slots.size())),
        samples_stay_(!problem.sample_share.empty()),
        worlds_(samples_stay_ ? places_ : 1),
        slices_(problem.evenness_permille == 0
                    ? 0
                    : std::min(std::max<uint32_t>(problem.num_slices, 1), tokens_.num_samples())),
        budget_(iterations),
        random_(seed, 0x636F70696573),
        count_(count),
        nothing_(tokens_.num_words(), 0),
        bits_(num_experts_, nothing_) {
    for (uint32_t slots : problem.slots) slots_.push_back(std::min(slots, num_experts_));
    world_of_sample_.assign(tokens_.num_samples(), 0);
    if (!samples_stay_) OrderTokens();
  }

  ExpertPlaces Run(const std::vector<uint32_t>& start) {
    Arrange(start);
    Settle();
    best_ = Get();
    const uint64_t shuffle_every = num_experts_ <= 64 ? 2 : 8;
    for (uint64_t round = 1;; ++round) {
      Descend();
      budget_ -= std::min<uint64_t>(budget_, num_experts_);  // a start is not free, so that this ends
      if (budget_ == 0) break;
      if (round % shuffle_every == 0) {
        Arrange(Shuffled(start));
      } else {
        Resume(best_);
        Kick();
      }
      Settle();
      Keep();
    }
    for (auto& experts : best_.experts) std::sort(experts.begin(), experts.end());
    if (!samples_stay_) best_.place_of_sample.clear();
    return best_;
  }

 private:
  // ---- the arrangement
  bool Holds(uint32_t place, uint32_t expert) const { return held_[size_t{place} * num_experts_ + expert]; }
  void Hold(uint32_t place, uint32_t expert, bool held) {
    held_[size_t{place} * num_experts_ + expert] = held;
    copies_of_[expert] += held ? 1 : -1;
  }
  uint32_t PlaceOfWorld(uint32_t world) const { return samples_stay_ ? world : kNowhere; }
  uint32_t Destination(uint32_t world, uint32_t expert) const {
    return samples_stay_ && Holds(world, expert) ? world : home_[expert];
  }

  void Arrange(const std::vector<uint32_t>& place_of_expert) {
    held_.assign(size_t{places_} * num_experts_, 0);
    copies_of_.assign(num_experts_, 0);
    home_ = place_of_expert;
    std::vector<uint32_t> used(places_, 0);
    for (uint32_t e = 0; e < num_experts_; ++e) {
      Hold(home_[e], e, true);
      ++used[home_[e]];
    }
    std::vector<uint32_t> by_load(num_experts_);
    for (uint32_t e = 0; e < num_experts_; ++e) by_load[e] = e;
    std::stable_sort(by_load.begin(), by_load.end(),
                     [&](uint32_t a, uint32_t b) { return problem_.load[a] > problem_.load[b]; });
    for (uint32_t p = 0; p < places_; ++p) {
      GROUTER_CHECK(used[p] <= slots_[p]);
      for (uint32_t e : by_load) {
        if (used[p] == slots_[p]) break;
        if (Holds(p, e)) continue;
        Hold(p, e, true);
        ++used[p];
      }
    }
  }

  void Resume(const ExpertPlaces& from) {
    held_.assign(size_t{places_} * num_experts_, 0);
    copies_of_.assign(num_experts_, 0);
    for (uint32_t p = 0; p < places_; ++p) {
      for (uint32_t e : from.experts[p]) Hold(p, e, true);
    }
    home_ = from.home;
  }

  std::vector<uint32_t> Shuffled(std::vector<uint32_t> place_of_expert) {
    random_.Shuffle(&place_of_expert);
    return place_of_expert;
  }

  // A few experts change places, and a few replicas others' slots.
  void Kick() {
    const uint64_t kicks = 1 + random_.Below(std::max<uint64_t>(4, num_experts_ / 16));
    for (uint64_t i = 0; i < kicks; ++i) {
      const uint32_t p = static_cast<uint32_t>(random_.Below(places_));
      const uint32_t e = static_cast<uint32_t>(random_.Below(num_experts_));
      const uint32_t f = static_cast<uint32_t>(random_.Below(num_experts_));
      if (!Holds(p, e) || Holds(p, f)) continue;
      if (copies_of_[e] > 1) {
        Replace(p, e, f);
      } else if (!Holds(home_[f], e)) {
        Exchange(p, e, home_[f], f);
      }
    }
  }

  // Lowest other holder.
  uint32_t AnotherHolder(uint32_t expert, uint32_t but) const {
    for (uint32_t p = 0; p < places_; ++p) {
      if (p != but && Holds(p, expert)) return p;
    }
    return kNowhere;
  }
  void Replace(uint32_t place, uint32_t out, uint32_t in) {
    Hold(place, out, false);
    Hold(place, in, true);
    if (home_[out] == place) home_[out] = AnotherHolder(out, place);
  }
  void Exchange(uint32_t p, uint32_t e, uint32_t q, uint32_t f) {
    Hold(p, e, false);
    Hold(p, f, true);
    Hold(q, f, false);
    Hold(q, e, true);
    if (home_[e] == p) home_[e] = q;
    if (home_[f] == q) home_[f] = p;
  }

  // ---- what an arrangement costs
  // Assigns the samples, orders the tokens by where they are, and counts everything anew.
  void Settle() {
    if (samples_stay_) {
      AssignSamples();
      OrderTokens();
    }
    once_.assign(size_t{places_} * words(), 0);
    twice_.assign(size_t{places_} * words(), 0);
    visits_.assign(size_t{worlds_} * places_, 0);
    load_.assign(places_, 0);
    slice_load_.assign(size_t{places_} * slices_, 0);
    copies_ = 0;
    for (uint32_t w = 0; w < worlds_; ++w) {
      for (uint32_t e = 0; e < num_experts_; ++e) {
        load_[Destination(w, e)] += LoadOf(w, e);
        for (uint32_t k = 0; k < slices_; ++k) {
          slice_load_[size_t{Destination(w, e)} * slices_ + k] += SliceLoads(w, e)[k];
        }
      }
      for (uint32_t p = 0; p < places_; ++p) Recount(w, p);
    }
    excess_ = 0;
    for (uint32_t p = 0; p < places_; ++p) excess_ += Over(p, load_[p]);
    squares_ = 0;
    for (int64_t load : slice_load_) squares_ += load * load;
    cost_ = CostOf(copies_, squares_);
  }

  uint64_t CostOf(uint64_t copies, int64_t squares) const {
    if (slices_ == 0) return copies * kCopy;
    // Both are below 2^63: loads of a slice sum to places x kMean.
    const unsigned __int128 uneven =
        static_cast<unsigned __int128>(squares) * problem_.evenness_permille * tokens_.num_tokens() * kCopy;
    return copies * kCopy +
           static_cast<uint64_t>(uneven / (1000 * kMean * kMean * uint64_t{places_} * slices_));
  }
  const int64_t* SliceLoads(uint32_t world, uint32_t expert) const {
    return slices_ == 0 ? nullptr : &slice_load_of_world_[(size_t{world} * num_experts_ + expert) * slices_];
  }

  size_t words() const { return nothing_.size(); }
  uint64_t Over(uint32_t place, uint64_t load) const {
    return load > problem_.load_limit[place] ? load - problem_.load_limit[place] : 0;
  }
  uint64_t LoadOf(uint32_t world, uint32_t expert) const {
    return load_of_world_[size_t{world} * num_experts_ + expert];
  }

  void Recount(uint32_t world, uint32_t place) {
    if (PlaceOfWorld(world) == place) return;
    uint64_t* once = once_.data() + place * words();
    uint64_t* twice = twice_.data() + place * words();
    const uint32_t begin = world_begin_[world], end = world_begin_[world + 1];
    std::fill(once + begin, once + end, 0);
    std::fill(twice + begin, twice + end, 0);
    for (uint32_t e = 0; e < num_experts_; ++e) {
      if (home_[e] != place || Destination(world, e) != place) continue;
      const uint64_t* bits = bits_[e].data();
      for (uint32_t i = begin; i < end; ++i) {
        twice[i] |= once[i] & bits[i];
        once[i] |= bits[i];
      }
    }
    uint64_t& visits = visits_[size_t{world} * places_ + place];
    copies_ -= visits;
    visits = count_(once + begin, twice + begin, nothing_.data(), nothing_.data(), end - begin);
    copies_ += visits;
  }

  void AssignSamples() {
    const uint32_t samples = tokens_.num_samples();
    std::vector<int64_t> cost(size_t{samples} * places_, 0);
    std::vector<uint64_t> met(words());
    for (uint32_t at = 0; at < places_; ++at) {
      for (uint32_t p = 0; p < places_; ++p) {
        if (p == at) continue;
        std::fill(met.begin(), met.end(), 0);
        for (uint32_t e = 0; e < num_experts_; ++e) {
          if (home_[e] != p || Holds(at, e)) continue;
          const uint64_t* bits = tokens_.BitsOf(e);
          for (size_t i = 0; i < met.size(); ++i) met[i] |= bits[i];
        }
        for (uint32_t s = 0; s < samples; ++s) {
          const uint32_t first = tokens_.FirstWord(s), count = tokens_.FirstWord(s + 1) - first;
          cost[size_t{s} * places_ + at] += static_cast<int64_t>(
              count_(met.data() + first, nothing_.data(), nothing_.data(), nothing_.data(), count));
        }
      }
    }
    const uint32_t batch = problem_.batch_samples == 0 ? samples : problem_.batch_samples;
    for (uint32_t first = 0; first < samples; first += batch) {
      const uint32_t count = std::min(batch, samples - first);
      const auto begin = cost.begin() + static_cast<std::ptrdiff_t>(size_t{first} * places_);
      const std::vector<int64_t> part(begin, begin + static_cast<std::ptrdiff_t>(size_t{count} * places_));
      const auto places = SolveTransport(count, part, Portions(count, problem_.sample_share));
      std::copy(places.begin(), places.end(), world_of_sample_.begin() + first);
    }
  }

  void OrderTokens() {
    world_begin_.assign(1, 0);
    std::vector<uint64_t> counted(size_t{worlds_} * num_experts_, 0);
    std::vector<uint64_t> slice_total(slices_, 0);
    slice_load_of_world_.assign(counted.size() * slices_, 0);
    uint32_t to = 0;
    for (uint32_t w = 0; w < worlds_; ++w) {
      for (uint32_t s = 0; s < tokens_.num_samples(); ++s) {
        if (world_of_sample_[s] != w) continue;
        const uint32_t first = tokens_.FirstWord(s), count = tokens_.FirstWord(s + 1) - first;
        for (uint32_t e = 0; e < num_experts_; ++e) {
          const uint64_t* bits = tokens_.BitsOf(e) + first;
          std::copy(bits, bits + count, bits_[e].begin() + to);
          const uint64_t tokens = count_(bits, nothing_.data(), nothing_.data(), nothing_.data(), count);
          counted[size_t{w} * num_experts_ + e] += tokens;
          if (slices_ == 0) continue;
          const uint64_t slice = uint64_t{s} * slices_ / tokens_.num_samples();
          slice_total[slice] += tokens;
          slice_load_of_world_[(size_t{w} * num_experts_ + e) * slices_ + slice] +=
              static_cast<int64_t>(tokens);
        }
        to += count;
      }
      world_begin_.push_back(to);
    }
    for (size_t i = 0; i < slice_load_of_world_.size(); ++i) {
      const uint64_t total = std::max<uint64_t>(slice_total[i % slices_], 1);
      slice_load_of_world_[i] =
          static_cast<int64_t>(static_cast<uint64_t>(slice_load_of_world_[i]) * kMean * places_ / total);
    }
    // An expert's load over the run is where its tokens here are.
    load_of_world_.assign(size_t{worlds_} * num_experts_, 0);
    for (uint32_t e = 0; e < num_experts_; ++e) {
      uint64_t all = 0, given = 0;
      for (uint32_t w = 0; w < worlds_; ++w) all += counted[size_t{w} * num_experts_ + e];
      for (uint32_t w = 0; w < worlds_ && all > 0; ++w) {
        const unsigned __int128 part =
            static_cast<unsigned __int128>(problem_.load[e]) * counted[size_t{w} * num_experts_ + e];
        load_of_world_[size_t{w} * num_experts_ + e] = static_cast<uint64_t>(part / all);
        given += load_of_world_[size_t{w} * num_experts_ + e];
      }
      load_of_world_[e] += problem_.load[e] - given;
    }
  }

  // ---- moves
  struct Change {
    uint32_t world, place;
    uint32_t removed, added;  // kNowhere: none
  };

  // Makes `move`, which touches the two experts alone, and takes it back unless it helps.
  template <typename Move, typename Undo>
  bool Try(uint32_t e, uint32_t f, Move move, Undo undo) {
    if (budget_ == 0) return false;
    --budget_;
    const uint32_t experts[2] = {e, f};
    before_.clear();
    for (uint32_t w = 0; w < worlds_; ++w) {
      for (uint32_t expert : experts) before_.push_back(Destination(w, expert));
    }
    const uint32_t old_home[2] = {home_[e], home_[f]};
    move();
    changes_.clear();
    load_changes_.assign(places_, 0);
    slice_changes_.assign(slice_load_.size(), 0);
    for (uint32_t w = 0; w < worlds_; ++w) {
      const size_t first = changes_.size();
      for (int i = 0; i < (e == f ? 1 : 2); ++i) {
        const uint32_t from = before_[2 * w + i], to = Destination(w, experts[i]);
        if (from == to) continue;
        load_changes_[from] -= static_cast<int64_t>(LoadOf(w, experts[i]));
        load_changes_[to] += static_cast<int64_t>(LoadOf(w, experts[i]));
        for (uint32_t k = 0; k < slices_; ++k) {
          slice_changes_[size_t{from} * slices_ + k] -= SliceLoads(w, experts[i])[k];
          slice_changes_[size_t{to} * slices_ + k] += SliceLoads(w, experts[i])[k];
        }
        ChangeAt(first, w, from)->removed = experts[i];
        ChangeAt(first, w, to)->added = experts[i];
      }
    }
    uint64_t excess = excess_, copies = copies_, cost = cost_;
    int64_t squares = squares_;
    for (uint32_t p = 0; p < places_; ++p) {
      if (load_changes_[p] == 0) continue;
      excess += Over(p, load_[p] + static_cast<uint64_t>(load_changes_[p])) - Over(p, load_[p]);
    }
    bool better = excess < excess_;
    if (excess <= excess_) {
      for (const Change& change : changes_) copies += VisitsAfter(change) - Visits(change);
      for (size_t i = 0; i < slice_changes_.size(); ++i) {
        squares += slice_changes_[i] * (2 * slice_load_[i] + slice_changes_[i]);
      }
      cost = CostOf(copies, squares);
      better = better || cost < cost_;
    }
    if (!better) {
      undo();
      home_[e] = old_home[0];
      home_[f] = old_home[1];
      return false;
    }
    excess_ = excess;
    squares_ = squares;
    cost_ = cost;
    for (size_t i = 0; i < slice_changes_.size(); ++i) slice_load_[i] += slice_changes_[i];
    for (uint32_t p = 0; p < places_; ++p) load_[p] += static_cast<uint64_t>(load_changes_[p]);
    for (const Change& change : changes_) Recount(change.world, change.place);
    Keep();
    return true;
  }

  Change* ChangeAt(size_t first, uint32_t world, uint32_t place) {
    for (size_t i = first; i < changes_.size(); ++i) {
      if (changes_[i].place == place) return &changes_[i];
    }
    changes_.push_back({world, place, kNowhere, kNowhere});
    return &changes_.back();
  }
  uint64_t Visits(const Change& change) const {
    return visits_[size_t{change.world} * places_ + change.place];
  }
  uint64_t VisitsAfter(const Change& change) const {
    if (PlaceOfWorld(change.world) == change.place) return 0;
    const uint32_t begin = world_begin_[change.world], end = world_begin_[change.world + 1];
    const size_t at = change.place * words() + begin;
    const uint64_t* removed = (change.removed == kNowhere ? nothing_ : bits_[change.removed]).data();
    const uint64_t* added = (change.added == kNowhere ? nothing_ : bits_[change.added]).data();
    return count_(once_.data() + at, twice_.data() + at, removed + begin, added + begin, end - begin);
  }

  bool TryMovesOf(uint32_t p, uint32_t e) {
    for (uint32_t f = 0; f < num_experts_; ++f) {
      if (Holds(p, f)) continue;
      if (copies_of_[e] > 1) {
        const auto move = [&] { Replace(p, e, f); };
        const auto undo = [&] {
          Hold(p, f, false);
          Hold(p, e, true);
        };
        if (Try(e, f, move, undo)) return true;
      }
      for (uint32_t q = 0; q < places_; ++q) {
        if (q == p || !Holds(q, f) || Holds(q, e)) continue;
        // Without replicas each pair is met from both sides.
        if (q < p && copies_of_[e] == 1 && copies_of_[f] == 1) continue;
        const auto move = [&] { Exchange(p, e, q, f); };
        const auto undo = [&] { Exchange(q, e, p, f); };
        if (Try(e, f, move, undo)) return true;
      }
    }
    if (home_[e] == p) return false;
    return Try(
        e, e, [&] { home_[e] = p; }, [] {});
  }

  bool Pass() {
    bool any = false;
    for (uint32_t p = 0; p < places_; ++p) {
      for (uint32_t e = 0; e < num_experts_ && budget_ > 0; ++e) {
        if (Holds(p, e) && TryMovesOf(p, e)) any = true;
      }
    }
    return any;
  }

  // Until neither a move nor another assignment of the samples helps.
  void Descend() {
    while (budget_ > 0) {
      while (Pass()) {
      }
      if (!samples_stay_ || budget_ == 0) return;
      const uint64_t excess = excess_, cost = cost_;
      Settle();
      Keep();
      if (excess_ > excess || (excess_ == excess && cost_ >= cost)) return;
    }
  }

  void Keep() {
    if (excess_ != best_.excess ? excess_ < best_.excess : cost_ < best_.cost) best_ = Get();
  }
  ExpertPlaces Get() const {
    ExpertPlaces places;
    places.experts.resize(places_);
    for (uint32_t p = 0; p < places_; ++p) {
      for (uint32_t e = 0; e < num_experts_; ++e) {
        if (Holds(p, e)) places.experts[p].push_back(e);
      }
    }
    places.home = home_;
    places.place_of_sample = world_of_sample_;
    places.excess = excess_;
    places.copies = copies_;
    places.cost = cost_;
    return places;
  }

  const CopyProblem& problem_;
  const TokenSets& tokens_;
  const uint32_t num_experts_, places_;
  const bool samples_stay_;
  const uint32_t worlds_;
  const uint32_t slices_;
  uint64_t budget_;
  Random random_;
  const UnionCount count_;
  const std::vector<uint64_t> nothing_;      // [words]
  std::vector<std::vector<uint64_t>> bits_;  // [experts][words] tokens ordered by world
  std::vector<uint32_t> slots_;
  std::vector<uint8_t> held_;        // [places][experts]
  std::vector<uint32_t> copies_of_;  // [experts] slots
  std::vector<uint32_t> home_;
  std::vector<uint32_t> world_of_sample_;
  std::vector<uint32_t> world_begin_;         // [worlds + 1] words
  std::vector<uint64_t> load_of_world_;       // [worlds][experts]
  std::vector<uint64_t> once_, twice_;        // [places][words]
  std::vector<uint64_t> visits_;              // [worlds][places] tokens
  std::vector<uint64_t> load_;                // [places]
  std::vector<int64_t> slice_load_of_world_;  // [worlds][experts][slices], the mean place has kMean
  std::vector<int64_t> slice_load_;           // [places][slices]
  int64_t squares_ = 0;                       // of slice_load_, summed
  uint64_t excess_ = 0, copies_ = 0, cost_ = 0;
  ExpertPlaces best_;
  std::vector<uint32_t> before_;  // of the move under trial: [worlds][2] destinations
  std::vector<Change> changes_;
  std::vector<int64_t> load_changes_, slice_changes_;
};

}  // namespace

ExpertPlaces FindFewestCopies(const CopyProblem& problem, const std::vector<uint32_t>& start,
                              uint64_t iterations, uint64_t seed, UnionCount count) {
  GROUTER_CHECK(problem.tokens != nullptr && start.size() == problem.tokens->num_experts());
  GROUTER_CHECK(problem.load.size() == start.size() && problem.load_limit.size() == problem.slots.size());
  GROUTER_CHECK(problem.sample_share.empty() || problem.sample_share.size() == problem.slots.size());
  return Search(problem, iterations, seed, count).Run(start);
}

}  // namespace grouter
