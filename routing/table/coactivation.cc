#include "routing/table/coactivation.h"

#include <cstring>

namespace grouter {
namespace {

constexpr uint64_t kMostRecentTokens = uint64_t{1} << 20;

int64_t FirstTokenWithAnExpertTwice(const RouteView& routes) {
  for (uint32_t t = 0; t < routes.num_tokens; ++t) {
    const uint32_t k = routes.NumTopk(t);
    for (uint32_t i = 0; i < k; ++i) {
      for (uint32_t j = 0; j < i; ++j) {
        if (routes.Id(t, i) == routes.Id(t, j)) return t;
      }
    }
  }
  return -1;
}

// The k ids at `ids`, each a load of its own: counting is bound by stores, not by loads.
template <typename Id>
inline uint32_t LoadId(const char* ids, uint32_t i) {
  Id id;
  std::memcpy(&id, ids + i * sizeof(Id), sizeof(Id));
  return id;
}

}  // namespace

CoactivationCounter::CoactivationCounter(uint32_t num_experts)
    : num_experts_(num_experts),
      recent_(uint64_t{num_experts} * num_experts),
      total_(uint64_t{num_experts} * num_experts) {}

int64_t CoactivationCounter::Add(const RouteView& routes, uint32_t* load) {
  if (routes.k == 0) return -1;
  if (recent_tokens_ + routes.num_tokens > kMostRecentTokens) MoveToTotal();
  recent_tokens_ += routes.num_tokens;
  if (routes.id_width == 1) {
    AddTokens<uint8_t>(routes, load);
  } else {
    AddTokens<uint16_t>(routes, load);
  }
  uint32_t twice = 0;
  for (uint64_t e = 0; e < num_experts_; ++e) twice |= recent_[e * (num_experts_ + 1)];
  return twice == 0 ? -1 : FirstTokenWithAnExpertTwice(routes);
}

template <typename Id>
void CoactivationCounter::AddTokens(const RouteView& routes, uint32_t* load) {
  if (!routes.missing.empty() || !routes.num_topk.empty()) return AddSomeTokens<Id>(routes, load);
  switch (routes.k) {
    case 2:
      return AddFullTokens<Id, 2>(routes, load);
    case 4:
      return AddFullTokens<Id, 4>(routes, load);
    case 6:
      return AddFullTokens<Id, 6>(routes, load);
    case 8:
      return AddFullTokens<Id, 8>(routes, load);
    default:
      return AddSomeTokens<Id>(routes, load);
  }
}

template <typename Id, uint32_t k>
void CoactivationCounter::AddFullTokens(const RouteView& routes, uint32_t* load) {
  uint32_t* const recent = recent_.data();
  const uint64_t stride = num_experts_;
  const char* at = routes.ids.data();
  for (uint32_t t = 0; t < routes.num_tokens; ++t, at += k * sizeof(Id)) {
    uint32_t ids[k];
    for (uint32_t i = 0; i < k; ++i) ids[i] = LoadId<Id>(at, i);
    for (uint32_t i = 0; i < k; ++i) {
      ++load[ids[i]];
      uint32_t* const row = recent + ids[i] * stride;
      for (uint32_t j = i + 1; j < k; ++j) ++row[ids[j]];
    }
  }
}

template <typename Id>
void CoactivationCounter::AddSomeTokens(const RouteView& routes, uint32_t* load) {
  const char* at = routes.ids.data();
  for (uint32_t t = 0; t < routes.num_tokens; ++t, at += routes.k * sizeof(Id)) {
    const uint32_t k = routes.NumTopk(t);
    for (uint32_t i = 0; i < k; ++i) {
      const uint32_t id = LoadId<Id>(at, i);
      ++load[id];
      uint32_t* const row = &recent_[uint64_t{id} * num_experts_];
      for (uint32_t j = i + 1; j < k; ++j) ++row[LoadId<Id>(at, j)];
    }
  }
}

void CoactivationCounter::MoveToTotal() {
  for (size_t i = 0; i < recent_.size(); ++i) {
    total_[i] += recent_[i];
    recent_[i] = 0;
  }
  recent_tokens_ = 0;
}

uint64_t CoactivationCounter::count(uint32_t a, uint32_t b) const {
  const uint64_t ab = uint64_t{a} * num_experts_ + b, ba = uint64_t{b} * num_experts_ + a;
  return total_[ab] + recent_[ab] + total_[ba] + recent_[ba];
}

}  // namespace grouter
