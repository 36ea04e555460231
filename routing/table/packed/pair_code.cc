#include "routing/table/packed/pair_code.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/packed/range_coder.h"

namespace grouter {
namespace {

constexpr double kUnit = 16;             // of a bit
constexpr double kTogetherWeight = 0.7;  // pairs speak of one thing more than once: their sum says too much
constexpr double kFollowsWeight = 0.8;
constexpr int32_t kWindow = 224;  // 14 bits below the likeliest, all are equally unlikely

int8_t Rounded(double value) {
  return static_cast<int8_t>(std::lround(std::min(std::max(value, -127.0), 127.0)));
}

// weight * log2(P(e | i) / P(e)) for all pairs.
std::vector<int8_t> Affinities(const std::vector<uint32_t>& pairs, const std::vector<double>& share,
                               double weight) {
  const size_t n = share.size();
  std::vector<int8_t> table(n * n);
  for (size_t i = 0; i < n; ++i) {
    double sum = 2;
    for (size_t e = 0; e < n; ++e) sum += pairs[i * n + e];
    for (size_t e = 0; e < n; ++e) {
      const double p = (pairs[i * n + e] + 2 * share[e]) / sum;
      table[i * n + e] = Rounded(kUnit * weight * std::log2(p / share[e]));
    }
  }
  return table;
}

}  // namespace

PairCounts::PairCounts(uint32_t num_experts, uint32_t k)
    : num_experts_(num_experts),
      k_(k),
      slot_(size_t{k} * num_experts),
      together_(size_t{num_experts} * num_experts),
      follows_(size_t{num_experts} * num_experts) {
  GROUTER_CHECK(num_experts <= kMaxPairExperts);
}

void PairCounts::Add(const RouteView& record) {
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    const uint32_t n = record.NumTopk(t);
    num_selections_ += n;
    for (uint32_t j = 0; j < n; ++j) {
      const uint32_t e = record.Id(t, j);
      if (e >= num_experts_) continue;
      ++slot_[size_t{j} * num_experts_ + e];
      for (uint32_t i = 0; i < n; ++i) {
        if (i != j) ++together_[size_t{e} * num_experts_ + record.Id(t, i)];
      }
      const uint32_t before = t == 0 ? 0 : record.NumTopk(t - 1);
      for (uint32_t i = 0; i < before; ++i) ++follows_[size_t{record.Id(t - 1, i)} * num_experts_ + e];
    }
  }
}

void PairCounts::Merge(const PairCounts& other) {
  num_selections_ += other.num_selections_;
  for (size_t i = 0; i < slot_.size(); ++i) slot_[i] += other.slot_[i];
  for (size_t i = 0; i < together_.size(); ++i) together_[i] += other.together_[i];
  for (size_t i = 0; i < follows_.size(); ++i) follows_[i] += other.follows_[i];
}

PairModel PairModel::FromCounts(const PairCounts& counts) {
  PairModel model;
  const uint32_t n = counts.num_experts_;
  model.num_experts_ = n;
  model.k_ = counts.k_;
  std::vector<double> share(n, 1);
  double total = n;
  for (uint32_t j = 0; j < counts.k_; ++j) {
    double in_slot = n;
    for (uint32_t e = 0; e < n; ++e) {
      const double count = counts.slot_[size_t{j} * n + e];
      share[e] += count;
      total += count;
      in_slot += count;
    }
    for (uint32_t e = 0; e < n; ++e) {
      const double p = (counts.slot_[size_t{j} * n + e] + 1) / in_slot;
      model.slot_.push_back(static_cast<int16_t>(std::lround(kUnit * std::log2(p))));
    }
  }
  for (double& s : share) s /= total;
  model.together_ = Affinities(counts.together_, share, kTogetherWeight);
  model.follows_ = Affinities(counts.follows_, share, kFollowsWeight);
  return model;
}

void PairModel::Encode(ByteWriter* out) const {
  out->PutRaw(slot_.data(), 2 * slot_.size());
  out->PutRaw(together_.data(), together_.size());
  out->PutRaw(follows_.data(), follows_.size());
}

absl::StatusOr<PairModel> PairModel::Decode(uint32_t num_experts, uint32_t k, ByteReader* in) {
  PairModel model;
  model.num_experts_ = num_experts;
  model.k_ = k;
  const size_t pairs = size_t{num_experts} * num_experts;
  const absl::string_view slot = in->GetRaw(size_t{2} * k * num_experts);
  const absl::string_view together = in->GetRaw(pairs), follows = in->GetRaw(pairs);
  if (!in->ok()) return Error(absl::StatusCode::kInvalidArgument, "the pair model is cut short", "", "");
  model.slot_.resize(size_t{k} * num_experts);
  if (!slot.empty()) std::memcpy(model.slot_.data(), slot.data(), slot.size());
  const auto* a = reinterpret_cast<const int8_t*>(together.data());
  const auto* b = reinterpret_cast<const int8_t*>(follows.data());
  model.together_.assign(a, a + pairs);
  model.follows_.assign(b, b + pairs);
  return model;
}

// The frequencies of one slot of one token after another; the same for the encoder and the decoder.
class PairModel::Scores {
 public:
  explicit Scores(const PairModel& model) : model_(model), n_(model.num_experts_) {
    history_.fill(0);
    pending_.fill(0);
  }
  void BeginToken() {
    for (uint32_t e = 0; e < n_; ++e) {
      history_[e] = static_cast<int16_t>((history_[e] + pending_[e]) >> 1);
      token_[e] = history_[e];
      pending_[e] = 0;
      free_[e] = -1;
    }
  }
  // The frequencies of slot j, and their sum.
  uint32_t Frequencies(uint32_t j, uint32_t* frequencies) const {
    const int16_t* slot = &model_.slot_[size_t{j} * n_];
    std::array<int32_t, kMaxPairExperts> score;
    int32_t largest = INT32_MIN;
    for (uint32_t e = 0; e < n_; ++e) {
      score[e] = slot[e] + token_[e];
      largest = std::max(largest, free_[e] != 0 ? score[e] : INT32_MIN);
    }
    uint32_t sum = 0;
    for (uint32_t e = 0; e < n_; ++e) {
      const int32_t s = std::min(std::max(score[e] - largest + kWindow, 0), kWindow);
      frequencies[e] = static_cast<uint32_t>(((16 + (s & 15)) << (s >> 4)) & free_[e]);
      sum += frequencies[e];
    }
    return sum;
  }
  void Take(uint32_t expert) {
    const int8_t* together = &model_.together_[size_t{expert} * n_];
    const int8_t* follows = &model_.follows_[size_t{expert} * n_];
    for (uint32_t e = 0; e < n_; ++e) {
      token_[e] = static_cast<int16_t>(token_[e] + together[e]);
      pending_[e] = static_cast<int16_t>(pending_[e] + follows[e]);
    }
    free_[expert] = 0;
  }

 private:
  const PairModel& model_;
  const uint32_t n_;
  std::array<int16_t, kMaxPairExperts> history_, pending_, token_;
  std::array<int32_t, kMaxPairExperts> free_;  // all ones, or 0 when the token has it
};

absl::StatusOr<std::string> PairModel::EncodeIds(const RouteView& record, double* bits) const {
  RangeEncoder coder;
  Scores scores(*this);
  std::array<uint32_t, kMaxPairExperts> frequencies;
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    scores.BeginToken();
    for (uint32_t j = 0; j < record.NumTopk(t); ++j) {
      const uint32_t expert = record.Id(t, j);
      const uint32_t total = scores.Frequencies(j, frequencies.data());
      if (expert >= num_experts_ || frequencies[expert] == 0) {
        return Error(absl::StatusCode::kInvalidArgument, "an expert comes twice, or does not exist",
                     absl::StrCat("token ", t), "run `grouter table verify`");
      }
      uint32_t start = 0;
      for (uint32_t e = 0; e < expert; ++e) start += frequencies[e];
      coder.Put(start, frequencies[expert], total);
      if (bits != nullptr) *bits += std::log2(static_cast<double>(total) / frequencies[expert]);
      scores.Take(expert);
    }
  }
  return coder.Finish();
}

bool PairModel::DecodeIds(absl::string_view bytes, uint32_t num_tokens, const uint8_t* num_topk,
                          uint8_t* ids) const {
  RangeDecoder coder(bytes);
  Scores scores(*this);
  std::array<uint32_t, kMaxPairExperts> frequencies;
  for (uint32_t t = 0; t < num_tokens; ++t) {
    scores.BeginToken();
    const uint32_t n = num_topk == nullptr ? k_ : num_topk[t];
    for (uint32_t j = 0; j < n; ++j) {
      const uint32_t total = scores.Frequencies(j, frequencies.data());
      const uint32_t point = coder.Point(total);
      uint32_t start = 0, expert = 0;
      while (start + frequencies[expert] <= point) start += frequencies[expert++];
      coder.Take(start, frequencies[expert]);
      ids[size_t{t} * k_ + j] = static_cast<uint8_t>(expert);
      scores.Take(expert);
    }
  }
  return coder.AtEnd();
}

}  // namespace grouter
