#include "routing/table/packed/learn_codec.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "io/error.h"

namespace grouter {
namespace {

using Histogram = std::vector<uint32_t>;

class Learner {
 public:
  Learner(const LearnOptions& options, RecordSource* source)
      : options_(options), source_(*source), header_(source->header()), sources_({source}) {
    const uint64_t threads =
        options.num_threads > 0 ? options.num_threads : std::thread::hardware_concurrency();
    while (sources_.size() < std::min(threads, source_.num_samples())) {
      std::unique_ptr<RecordSource> another = source_.Another();
      if (another == nullptr) break;
      sources_.push_back(another.get());
      others_.push_back(std::move(another));
    }
  }

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
    std::vector<std::vector<uint32_t>> seen(sources_.size());
    GROUTER_RETURN_IF_ERROR(
        InRanges(source_.num_samples(), seen.size(), [&](size_t worker, uint64_t s) -> absl::Status {
          GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, sources_[worker]->Tokens(s));
          for (uint32_t token : tokens) {
            if (token >= kMaxListToken) continue;
            if (token >= seen[worker].size()) seen[worker].resize(token + 1);
            ++seen[worker][token];
          }
          return absl::OkStatus();
        }));
    std::vector<uint32_t> occurrences = std::move(seen[0]);
    for (size_t w = 1; w < seen.size(); ++w) AddTo(&occurrences, seen[w]);
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
    // Sums of whole numbers: the same however samples are shared out.
    const uint64_t count_bytes = 4 * tokens_.size() * header_.num_experts;
    const size_t workers = std::max<uint64_t>(
        1, std::min<uint64_t>(sources_.size(), 8 * kMaxListBytes / std::max<uint64_t>(1, count_bytes)));
    std::vector<TokenCounts> counted(workers);
    for (TokenCounts& counts : counted) {
      counts.num_experts = header_.num_experts;
      counts.all.resize(header_.num_experts);
      counts.tokens = tokens_;
      counts.occurrences = occurrences_;
      counts.counts.resize(tokens_.size() * header_.num_experts);
    }
    std::vector<PairCounts> paired(
        workers, PairCounts(pairs_possible ? header_.num_experts : 0, pairs_possible ? header_.k : 0));
    std::vector<WeightLearner> learned(workers, WeightLearner(header_.weight_type, header_.k));
    std::atomic<uint64_t> done{g * source_.num_samples()};
    GROUTER_RETURN_IF_ERROR(
        InRanges(source_.num_samples(), workers, [&](size_t worker, uint64_t s) -> absl::Status {
          GROUTER_ASSIGN_OR_RETURN(const RouteView record, sources_[worker]->Routes(s, g));
          GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, sources_[worker]->Tokens(s));
          GROUTER_RETURN_IF_ERROR(Count(record, tokens, &counted[worker]));
          if (pairs_possible) paired[worker].Add(record);
          learned[worker].See(record);
          const uint64_t before = done.fetch_add(1, std::memory_order_relaxed);
          if (worker == 0 && options_.progress)
            options_.progress(before, header_.num_layer_groups * source_.num_samples());
          return absl::OkStatus();
        }));
    for (size_t w = 1; w < workers; ++w) {
      AddTo(&counted[0].all, counted[w].all);
      AddTo(&counted[0].counts, counted[w].counts);
      if (pairs_possible) paired[0].Merge(paired[w]);
      learned[0].Merge(learned[w]);
    }
    TokenCounts counts = std::move(counted[0]);
    counted.clear();
    const PairCounts pairs = std::move(paired[0]);
    paired.clear();
    WeightLearner weights = std::move(learned[0]);
    learned.clear();
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

  // Calls see(worker, i, tokens, record) with about sampled_tokens tokens' records, evenly over the samples;
  // i counts them, fewer than the samples are.
  template <typename See>
  absl::Status ForSome(uint32_t g, const See& see) {
    const uint64_t samples = source_.num_samples();
    const double share =
        static_cast<double>(options_.sampled_tokens) / static_cast<double>(source_.num_tokens() + 1);
    const uint64_t wanted =
        share >= 1 ? samples
                   : std::min(samples, static_cast<uint64_t>(share * static_cast<double>(samples)) + 1);
    return InRanges(wanted, sources_.size(), [&](size_t worker, uint64_t i) -> absl::Status {
      const uint64_t s = i * samples / wanted;
      GROUTER_ASSIGN_OR_RETURN(const RouteView record, sources_[worker]->Routes(s, g));
      GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, sources_[worker]->Tokens(s));
      return see(worker, i, tokens, record);
    });
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
    std::vector<std::vector<Histogram>> counted(sources_.size(),
                                                std::vector<Histogram>(histograms->size(), Histogram(65536)));
    std::vector<WeightLearner> learned;
    if (weights != nullptr) learned.assign(sources_.size(), *weights);
    GROUTER_RETURN_IF_ERROR(
        ForSome(g, [&](size_t worker, uint64_t, absl::Span<const uint32_t> tokens, const RouteView& record) {
          std::vector<uint16_t> values;
          std::vector<uint8_t> classes;
          if (!groups[g].order.empty()) classes = SampleClasses(record, groups[g].lists.shares());
          codec.IdValues(0, tokens, record, classes, &values);
          for (uint32_t p = 0; p < counted[worker].size(); ++p) {
            for (uint32_t t = 0; t < record.num_tokens; ++t) {
              if (p < header_.k && p >= record.NumTopk(t)) continue;
              ++counted[worker][p][values[size_t{p} * record.num_tokens + t]];
            }
          }
          if (weights != nullptr) learned[worker].Add(record);
          return absl::OkStatus();
        }));
    for (size_t w = 0; w < sources_.size(); ++w) {
      for (size_t p = 0; p < histograms->size(); ++p) AddTo(&(*histograms)[p], counted[w][p]);
      if (weights != nullptr) weights->Merge(learned[w]);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<double> PairBits(uint32_t g, const PairModel& model) {
    std::vector<double> bits(source_.num_samples());
    GROUTER_RETURN_IF_ERROR(
        ForSome(g, [&](size_t, uint64_t i, absl::Span<const uint32_t>, const RouteView& record) {
          return model.EncodeIds(record, &bits[i]).status();
        }));
    return std::accumulate(bits.begin(), bits.end(), 0.0);
  }

  // use(worker, i) for each i below count: a range for each worker, worker 0 on this thread. The error of the
  // smallest i that has one.
  template <typename Use>
  static absl::Status InRanges(uint64_t count, size_t workers, const Use& use) {
    std::vector<absl::Status> ends(workers);
    const auto run = [&](size_t worker) {
      const uint64_t end = count * (worker + 1) / workers;
      for (uint64_t i = count * worker / workers; i < end && ends[worker].ok(); ++i)
        ends[worker] = use(worker, i);
    };
    std::vector<std::thread> threads;
    for (size_t w = 1; w < workers; ++w) threads.emplace_back(run, w);
    run(0);
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& end : ends) GROUTER_RETURN_IF_ERROR(end);
    return absl::OkStatus();
  }

  template <typename T>
  static void AddTo(std::vector<T>* sums, const std::vector<T>& more) {
    sums->resize(std::max(sums->size(), more.size()));
    for (size_t i = 0; i < more.size(); ++i) (*sums)[i] += more[i];
  }

  const LearnOptions& options_;
  RecordSource& source_;
  const TableHeader& header_;
  std::vector<RecordSource*> sources_;  // one a worker; the first is source_
  std::vector<std::unique_ptr<RecordSource>> others_;
  std::vector<uint32_t> tokens_, occurrences_;  // with a list
  std::vector<uint32_t> index_of_;              // [token] in tokens_
};

}  // namespace

absl::StatusOr<std::shared_ptr<const RouteCodec>> LearnCodec(const LearnOptions& options,
                                                             RecordSource* source) {
  return Learner(options, source).Run();
}

}  // namespace grouter
