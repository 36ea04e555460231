#include "routing/table/packed/learn_codec.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "io/error.h"

namespace grouter {
namespace {

using Histogram = std::vector<uint32_t>;

class Learner {
 public:
  Learner(const LearnOptions& options, RecordSource* source)
      : options_(options), source_(*source), header_(source->header()) {}

  absl::StatusOr<std::shared_ptr<const RouteCodec>> Run() {
    if (!options_.dataset_digest.IsZero()) GROUTER_RETURN_IF_ERROR(ChooseTokens());
    std::vector<GroupCode> groups(header_.num_layer_groups);
    for (uint32_t g = 0; g < header_.num_layer_groups; ++g) GROUTER_RETURN_IF_ERROR(LearnGroup(g, &groups));
    return std::make_shared<const RouteCodec>(header_, options_.dataset_digest, std::move(groups));
  }

 private:
  // Those that occur often enough for a list of their own, as many as memory allows.
  absl::Status ChooseTokens() {
    if (header_.num_experts > 256 || header_.k == 0) return absl::OkStatus();
    std::vector<uint32_t> occurrences;
    for (uint64_t s = 0; s < source_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, source_.Tokens(s));
      for (uint32_t token : tokens) {
        if (token >= kMaxListToken) continue;
        if (token >= occurrences.size()) occurrences.resize(token + 1);
        ++occurrences[token];
      }
    }
    const uint64_t stride = header_.num_experts <= 128 ? 128 : 256;
    const uint64_t most = kMaxListBytes / stride / header_.num_layer_groups;
    std::vector<uint32_t> chosen;
    for (uint32_t token = 0; token < occurrences.size(); ++token) {
      if (occurrences[token] >= kMinListOccurrences) chosen.push_back(token);
    }
    const uint64_t kept = most > 1 ? most - 1 : 0;
    if (chosen.size() > kept) {
      std::nth_element(chosen.begin(), chosen.begin() + kept, chosen.end(), [&](uint32_t a, uint32_t b) {
        return occurrences[a] != occurrences[b] ? occurrences[a] > occurrences[b] : a < b;
      });
      chosen.resize(kept);
      std::sort(chosen.begin(), chosen.end());
    }
    index_of_.assign(occurrences.size(), UINT32_MAX);
    for (uint32_t i = 0; i < chosen.size(); ++i) {
      index_of_[chosen[i]] = i;
      occurrences_.push_back(occurrences[chosen[i]]);
    }
    tokens_ = std::move(chosen);
    return absl::OkStatus();
  }

  absl::Status LearnGroup(uint32_t g, std::vector<GroupCode>* groups) {
    GroupCode& group = (*groups)[g];
    const bool pairs_possible =
        options_.dataset_digest.IsZero() && header_.num_experts <= kMaxPairExperts && header_.k > 0;
    TokenCounts counts;
    counts.num_experts = header_.num_experts;
    counts.all.resize(header_.num_experts);
    counts.tokens = tokens_;
    counts.occurrences = occurrences_;
    counts.counts.resize(tokens_.size() * header_.num_experts);
    PairCounts pairs(pairs_possible ? header_.num_experts : 0, pairs_possible ? header_.k : 0);
    WeightLearner weights(header_.weight_type, header_.k);
    for (uint64_t s = 0; s < source_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const RouteView record, source_.Routes(s, g));
      GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, source_.Tokens(s));
      GROUTER_RETURN_IF_ERROR(Count(record, tokens, &counts));
      if (pairs_possible) pairs.Add(record);
      weights.See(record);
      if (options_.progress)
        options_.progress(g * source_.num_samples() + s, header_.num_layer_groups * source_.num_samples());
    }
    weights.EndSeeing();
    group.lists = ExpertLists::FromCounts(counts);
    counts = TokenCounts();
    const uint32_t planes = header_.k + (header_.per_token_k ? 1 : 0);
    group.planes = PlaneTables(std::vector<PlaneCode>(planes));

    if (options_.sample_classes && header_.num_experts <= 256 && header_.k > 0) {
      GROUTER_RETURN_IF_ERROR(LearnOrder(g, groups));
    }
    std::vector<Histogram> histograms(planes, Histogram(65536));
    GROUTER_RETURN_IF_ERROR(Histograms(g, *groups, &histograms, &weights));
    std::vector<PlaneCode> codes;
    double place_bits = 0;
    uint64_t tokens = 0;
    for (uint32_t p = 0; p < planes; ++p) {
      const uint32_t domain = p == header_.k               ? header_.k + 1
                              : header_.num_experts <= 256 ? header_.num_experts
                                                           : 0;
      codes.push_back(FitPlaneCode(histograms[p], domain));
      if (p == header_.k) continue;
      place_bits += PlaneCodeBits(codes[p], histograms[p]);
      tokens += std::accumulate(histograms[p].begin(), histograms[p].end(), uint64_t{0});
    }
    if (pairs_possible && tokens > 0) {
      PairModel model = PairModel::FromCounts(pairs);
      GROUTER_ASSIGN_OR_RETURN(const double pair_bits, PairBits(g, model));
      const double scale = static_cast<double>(pairs.num_selections()) / static_cast<double>(tokens);
      ByteWriter tables;
      model.Encode(&tables);
      if (pair_bits * scale + 8 * static_cast<double>(tables.size()) < place_bits * scale) {
        group.ids_by_pairs = true;
        group.pairs = std::move(model);
        group.lists = ExpertLists();
        codes.erase(codes.begin(), codes.begin() + header_.k);
      }
    }
    group.planes = PlaneTables(std::move(codes));
    group.weights = weights.Finish();
    return absl::OkStatus();
  }

  absl::Status Count(const RouteView& record, absl::Span<const uint32_t> tokens, TokenCounts* counts) const {
    for (uint32_t t = 0; t < record.num_tokens; ++t) {
      uint32_t* mine = nullptr;
      if (!tokens.empty() && tokens[t] < index_of_.size() && index_of_[tokens[t]] != UINT32_MAX)
        mine = &counts->counts[size_t{index_of_[tokens[t]]} * header_.num_experts];
      const uint32_t used = record.NumTopk(t);
      for (uint32_t j = 0; j < used; ++j) {
        const uint32_t e = record.Id(t, j);
        if (used > header_.k || e >= header_.num_experts) {
          return Error(absl::StatusCode::kDataLoss, "an id or k_t is too large", "",
                       "run `grouter table verify`");
        }
        ++counts->all[e];
        if (mine != nullptr) ++mine[e];
      }
    }
    return absl::OkStatus();
  }

  // Calls `see` with about sampled_tokens tokens' records, evenly over the samples.
  template <typename See>
  absl::Status ForSome(uint32_t g, const See& see) {
    const uint64_t samples = source_.num_samples();
    const double share =
        static_cast<double>(options_.sampled_tokens) / static_cast<double>(source_.num_tokens() + 1);
    const uint64_t wanted =
        share >= 1 ? samples
                   : std::min(samples, static_cast<uint64_t>(share * static_cast<double>(samples)) + 1);
    for (uint64_t i = 0; i < wanted; ++i) {
      const uint64_t s = i * samples / wanted;
      GROUTER_ASSIGN_OR_RETURN(const RouteView record, source_.Routes(s, g));
      GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, source_.Tokens(s));
      GROUTER_RETURN_IF_ERROR(see(tokens, record));
    }
    return absl::OkStatus();
  }

  // Positions of lists sorted by class, most frequent first.
  absl::Status LearnOrder(uint32_t g, std::vector<GroupCode>* groups) {
    GroupCode& group = (*groups)[g];
    group.order.resize(256);
    std::iota(group.order.begin(), group.order.end(), 0);
    std::vector<Histogram> histograms(group.planes.codes.size(), Histogram(65536));
    GROUTER_RETURN_IF_ERROR(Histograms(g, *groups, &histograms, nullptr));
    std::vector<uint64_t> times(256);
    for (uint32_t p = 0; p < header_.k; ++p) {
      for (uint32_t v = 0; v < 256; ++v) times[v] += histograms[p][v];
    }
    std::stable_sort(group.order.begin(), group.order.begin() + header_.num_experts,
                     [&](uint8_t a, uint8_t b) { return times[a] > times[b]; });
    return absl::OkStatus();
  }

  absl::Status Histograms(uint32_t g, const std::vector<GroupCode>& groups,
                          std::vector<Histogram>* histograms, WeightLearner* weights) {
    TableHeader one = header_;
    one.num_layer_groups = 1;
    const RouteCodec codec(one, options_.dataset_digest, {groups[g]});
    std::vector<uint16_t> values;
    return ForSome(g, [&](absl::Span<const uint32_t> tokens, const RouteView& record) {
      values.clear();
      std::vector<uint8_t> classes;
      if (!groups[g].order.empty()) classes = SampleClasses(record, groups[g].lists.shares());
      codec.IdValues(0, tokens, record, classes, &values);
      for (uint32_t p = 0; p < histograms->size(); ++p) {
        for (uint32_t t = 0; t < record.num_tokens; ++t) {
          if (p < header_.k && p >= record.NumTopk(t)) continue;
          ++(*histograms)[p][values[size_t{p} * record.num_tokens + t]];
        }
      }
      if (weights != nullptr) weights->Add(record);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<double> PairBits(uint32_t g, const PairModel& model) {
    double bits = 0;
    GROUTER_RETURN_IF_ERROR(ForSome(g, [&](absl::Span<const uint32_t> tokens, const RouteView& record) {
      return model.EncodeIds(record, &bits).status();
    }));
    return bits;
  }

  const LearnOptions& options_;
  RecordSource& source_;
  const TableHeader& header_;
  std::vector<uint32_t> tokens_, occurrences_;  // with a list
  std::vector<uint32_t> index_of_;              // [token] in tokens_
};

}  // namespace

absl::StatusOr<std::shared_ptr<const RouteCodec>> LearnCodec(const LearnOptions& options,
                                                             RecordSource* source) {
  return Learner(options, source).Run();
}

}  // namespace grouter
