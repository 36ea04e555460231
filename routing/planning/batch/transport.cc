#include "routing/planning/batch/transport.h"

#include <algorithm>
#include <limits>

#include "io/error.h"

namespace grouter {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 4;
constexpr uint32_t kNone = UINT32_MAX;

// Items inserted one by one; after each insertion the assignment of the inserted ones is optimal.
class Solver {
 public:
  Solver(uint32_t num_items, const std::vector<int64_t>& cost, const std::vector<uint32_t>& capacity)
      : places_(static_cast<uint32_t>(capacity.size())),
        cost_(cost),
        room_(capacity),
        members_(places_),
        best_move_(uint64_t{places_} * places_, kFar),
        mover_(uint64_t{places_} * places_, kNone),
        place_of_(num_items, kNone),
        distance_(places_),
        previous_(places_) {}

  void Insert(uint32_t item) {
    uint32_t end = CheapestPlace(item);
    if (room_[end] == 0) end = ShortestPath(item);
    GROUTER_CHECK(end != kNone);
    --room_[end];
    // Backwards along the path: each place hands one member on to the next.
    while (previous_[end] != kNone) {
      const uint32_t from = previous_[end];
      const uint32_t moved = mover_[uint64_t{from} * places_ + end];
      Remove(moved, from);
      Add(moved, end);
      end = from;
    }
    Add(item, end);
  }

  std::vector<uint32_t> Take() { return std::move(place_of_); }

 private:
  int64_t Cost(uint32_t item, uint32_t place) const { return cost_[uint64_t{item} * places_ + place]; }

  uint32_t CheapestPlace(uint32_t item) {
    uint32_t best = 0;
    for (uint32_t p = 1; p < places_; ++p) {
      if (Cost(item, p) < Cost(item, best)) best = p;
    }
    previous_.assign(places_, kNone);
    return best;
  }

  // Bellman and Ford over places: edges may be negative, cycles are not (the assignment so far is optimal).
  uint32_t ShortestPath(uint32_t item) {
    for (uint32_t p = 0; p < places_; ++p) distance_[p] = Cost(item, p);
    previous_.assign(places_, kNone);
    std::vector<uint8_t> changed(places_, 1);
    for (bool any = true; any;) {
      any = false;
      for (uint32_t from = 0; from < places_; ++from) {
        if (!changed[from]) continue;
        changed[from] = 0;
        const int64_t* moves = &best_move_[uint64_t{from} * places_];
        for (uint32_t to = 0; to < places_; ++to) {
          if (moves[to] == kFar || distance_[from] + moves[to] >= distance_[to]) continue;
          distance_[to] = distance_[from] + moves[to];
          previous_[to] = from;
          changed[to] = 1;
          any = true;
        }
      }
    }
    uint32_t end = kNone;
    for (uint32_t p = 0; p < places_; ++p) {
      if (room_[p] > 0 && (end == kNone || distance_[p] < distance_[end])) end = p;
    }
    return end;
  }

  // best_move_ and mover_ say which member of a place goes to each other place at the least extra cost; ties
  // go to the lowest item.
  void Offer(uint32_t item, uint32_t place, uint32_t to) {
    const int64_t move = Cost(item, to) - Cost(item, place);
    int64_t& best = best_move_[uint64_t{place} * places_ + to];
    uint32_t& mover = mover_[uint64_t{place} * places_ + to];
    if (move > best || (move == best && item >= mover)) return;
    best = move;
    mover = item;
  }
  void Add(uint32_t item, uint32_t place) {
    place_of_[item] = place;
    members_[place].push_back(item);
    for (uint32_t to = 0; to < places_; ++to) {
      if (to != place) Offer(item, place, to);
    }
  }
  void Remove(uint32_t item, uint32_t place) {
    auto& members = members_[place];
    *std::find(members.begin(), members.end(), item) = members.back();
    members.pop_back();
    for (uint32_t to = 0; to < places_; ++to) {
      if (mover_[uint64_t{place} * places_ + to] != item) continue;
      best_move_[uint64_t{place} * places_ + to] = kFar;
      mover_[uint64_t{place} * places_ + to] = kNone;
      for (uint32_t other : members) Offer(other, place, to);
    }
  }

  const uint32_t places_;
  const std::vector<int64_t>& cost_;
  std::vector<uint32_t> room_;
  std::vector<std::vector<uint32_t>> members_;
  std::vector<int64_t> best_move_;
  std::vector<uint32_t> mover_;
  std::vector<uint32_t> place_of_;
  std::vector<int64_t> distance_;
  std::vector<uint32_t> previous_;
};

}  // namespace

std::vector<uint32_t> SolveTransport(uint32_t num_items, const std::vector<int64_t>& cost,
                                     const std::vector<uint32_t>& capacity) {
  GROUTER_CHECK(cost.size() == uint64_t{num_items} * capacity.size());
  Solver solver(num_items, cost, capacity);
  for (uint32_t item = 0; item < num_items; ++item) solver.Insert(item);
  return solver.Take();
}

}  // namespace grouter
