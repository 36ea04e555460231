#include "tests/testing/fake_routing_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace testing {
namespace {

// Experts in the order a topic likes them.
std::vector<uint32_t> TopicOrder(uint64_t seed, uint32_t layer_group, uint32_t topic, uint32_t num_experts) {
  std::vector<uint32_t> order(num_experts);
  for (uint32_t e = 0; e < num_experts; ++e) order[e] = e;
  Random random(seed, 1000 + uint64_t{layer_group} * 1000 + topic);
  random.Shuffle(&order);
  return order;
}

// Rank r with a probability near 1 / (r + 1): the exponential of a uniform logarithm.
uint32_t ZipfRank(Random* random, uint32_t count) {
  const double top = std::log(count + 1.0);
  const uint32_t rank = static_cast<uint32_t>(std::exp(random->Uniform() * top)) - 1;
  return std::min(rank, count - 1);
}

}  // namespace

FakeRoutingTable::FakeRoutingTable(const FakeTableOptions& options) : options_(options) {
  GROUTER_CHECK(options.k <= options.num_experts && options.k <= 16 && options.shortest <= options.longest);
  header_.tokenizer_digest = Sha256("fake tokenizer");
  header_.router_digest = Sha256("fake router");
  header_.sample_index_digest = Sha256(absl::StrCat("fake index ", options.seed));
  header_.num_experts = options.num_experts;
  header_.k = options.k;
  header_.per_token_k = options.per_token_k;
  header_.num_layer_groups = options.num_layer_groups;
  header_.id_width = options.num_experts > 256 ? 2 : 1;
  header_.weight_type = options.weight_type;
  header_.causality = options.causality;
  domains_ = {"prose", "code"};
  const uint64_t valid = options.num_samples / 4 + 1;
  Random random(options.seed);
  first_token_.push_back(0);
  for (uint64_t s = 0; s < options.num_samples + valid; ++s) {
    const uint64_t length = options.shortest + random.Below(options.longest - options.shortest + 1);
    first_token_.push_back(first_token_.back() + length);
  }
  const uint64_t middle = first_token_[options.num_samples];
  header_.splits = {DataSplit{"train", 0, options.num_samples, middle, middle},
                    DataSplit{"valid", options.num_samples, valid, first_token_.back() - middle,
                              first_token_.back() - middle}};
  layers_.resize(options.num_layer_groups);
  Sha256Stream digest;
  for (uint32_t l = 0; l < options.num_layer_groups; ++l) {
    FillLayer(l, &layers_[l]);
    digest.Update(layers_[l].ids);
    digest.Update(layers_[l].num_topk);
    digest.Update(layers_[l].missing);
  }
  digest.Update(reinterpret_cast<const char*>(first_token_.data()), first_token_.size() * sizeof(uint64_t));
  digest_ = digest.Finish();
}

void FakeRoutingTable::FillLayer(uint32_t layer_group, Layer* layer) {
  const uint32_t k = options_.k, width = header_.id_width;
  const uint64_t tokens = num_tokens();
  layer->ids.assign(tokens * k * width, '\0');
  const uint32_t weight_bytes = WeightBytes(options_.weight_type);
  layer->weights.assign(tokens * k * weight_bytes, '\0');
  if (options_.per_token_k) layer->num_topk.assign(tokens, '\0');
  Random random(options_.seed, 7 + layer_group);
  for (char& byte : layer->weights) byte = static_cast<char>(random.Next());
  uint64_t token = 0;
  // Each sample's bits begin at a byte of their own, as in a table file.
  for (uint64_t s = 0; s < num_samples(); ++s) {
    const uint32_t topic = static_cast<uint32_t>(Mix64(options_.seed + s) % options_.num_topics);
    const std::vector<uint32_t> order = TopicOrder(options_.seed, layer_group, topic, options_.num_experts);
    const uint64_t length = first_token_[s + 1] - first_token_[s];
    std::string bits((length + 7) / 8, '\0');
    for (uint64_t t = 0; t < length; ++t, ++token) {
      const uint32_t k_t = options_.per_token_k ? static_cast<uint32_t>(random.Below(k + 1)) : k;
      if (options_.per_token_k) layer->num_topk[token] = static_cast<char>(k_t);
      if (options_.missing_share > 0 && random.Uniform() < options_.missing_share)
        bits[t / 8] |= 1 << (t % 8);
      std::vector<uint32_t> chosen;
      while (chosen.size() < k_t) {
        uint32_t expert = order[ZipfRank(&random, options_.num_experts)];
        while (std::find(chosen.begin(), chosen.end(), expert) != chosen.end()) {
          expert = (expert + 1) % options_.num_experts;
        }
        chosen.push_back(expert);
        std::memcpy(&layer->ids[(token * k + chosen.size() - 1) * width], &expert, width);
      }
    }
    if (options_.missing_share > 0) layer->missing += bits;
  }
}

SampleFacts FakeRoutingTable::facts(uint64_t sample) const {
  GROUTER_CHECK(sample < num_samples());
  SampleFacts facts;
  facts.length = static_cast<uint32_t>(first_token_[sample + 1] - first_token_[sample]);
  facts.num_loss_tokens = facts.length - (sample % 3 == 0 && facts.length > 0 ? 1 : 0);
  facts.domain = sample % 2;
  facts.token_crc32c = static_cast<uint32_t>(Mix64(sample));
  for (uint32_t l = 0; l < options_.num_layer_groups && options_.missing_share > 0; ++l) {
    const RouteView view = Routes(sample, l).value();
    for (uint32_t t = 0; t < view.num_tokens; ++t) facts.num_missing += view.IsMissing(t);
  }
  return facts;
}

absl::StatusOr<RouteView> FakeRoutingTable::Routes(uint64_t sample, uint32_t layer_group) const {
  if (sample >= num_samples() || layer_group >= layers_.size()) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("sample ", sample, ", layer group ", layer_group), path_,
                 "ask for what the table has");
  }
  const Layer& layer = layers_[layer_group];
  const uint64_t first = first_token_[sample], count = first_token_[sample + 1] - first;
  RouteView view;
  view.num_tokens = static_cast<uint32_t>(count);
  view.k = options_.k;
  view.id_width = header_.id_width;
  view.weight_type = options_.weight_type;
  const uint64_t id_bytes = uint64_t{view.k} * view.id_width,
                 weight_bytes = view.k * WeightBytes(view.weight_type);
  view.ids = absl::string_view(layer.ids).substr(first * id_bytes, count * id_bytes);
  view.weights = absl::string_view(layer.weights).substr(first * weight_bytes, count * weight_bytes);
  if (options_.per_token_k) view.num_topk = absl::string_view(layer.num_topk).substr(first, count);
  if (options_.missing_share > 0) {
    uint64_t at = 0;
    for (uint64_t s = 0; s < sample; ++s) at += (first_token_[s + 1] - first_token_[s] + 7) / 8;
    view.missing = absl::string_view(layer.missing).substr(at, (count + 7) / 8);
  }
  return view;
}

absl::Status FakeRoutingTable::ExpertCounts(uint64_t sample, uint32_t layer_group,
                                            std::vector<ExpertCount>* counts) const {
  counts->clear();
  GROUTER_ASSIGN_OR_RETURN(const RouteView view, Routes(sample, layer_group));
  std::vector<uint32_t> load(options_.num_experts, 0);
  for (uint32_t t = 0; t < view.num_tokens; ++t) {
    for (uint32_t j = 0; j < view.NumTopk(t); ++j) ++load[view.Id(t, j)];
  }
  for (uint32_t e = 0; e < load.size(); ++e) {
    if (load[e] > 0) counts->push_back(ExpertCount{e, load[e]});
  }
  return absl::OkStatus();
}

absl::StatusOr<LayerGroupStatistics> FakeRoutingTable::Statistics(uint32_t layer_group) const {
  LayerGroupStatistics statistics;
  statistics.load.assign(options_.num_experts, 0);
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> pairs;
  for (uint64_t s = 0; s < num_samples(); ++s) {
    GROUTER_ASSIGN_OR_RETURN(const RouteView view, Routes(s, layer_group));
    statistics.num_tokens += view.num_tokens;
    for (uint32_t t = 0; t < view.num_tokens; ++t) {
      statistics.num_missing += view.IsMissing(t);
      const uint32_t k = view.NumTopk(t);
      for (uint32_t i = 0; i < k; ++i) {
        if (view.Id(t, i) >= options_.num_experts) continue;  // planted by SetId
        ++statistics.load[view.Id(t, i)];
        for (uint32_t j = i + 1; j < k; ++j) {
          ++pairs[std::minmax(view.Id(t, i), view.Id(t, j))];
        }
      }
    }
  }
  for (const auto& entry : pairs) {
    statistics.pairs.push_back(CoactivationPair{entry.first.first, entry.first.second, entry.second});
  }
  return statistics;
}

void FakeRoutingTable::SetId(uint64_t sample, uint32_t layer_group, uint32_t token, uint32_t rank,
                             uint32_t id) {
  const uint64_t at = ((first_token_[sample] + token) * options_.k + rank) * header_.id_width;
  std::memcpy(&layers_[layer_group].ids[at], &id, header_.id_width);
}

std::shared_ptr<FakeRoutingTable> MakeFakeTable(const FakeTableOptions& options) {
  return std::make_shared<FakeRoutingTable>(options);
}

}  // namespace testing
}  // namespace grouter
