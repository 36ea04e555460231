#include "routing/network/route.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"
#include "io/mutex.h"
#include "routing/balance.h"
#include "routing/network/router_network.h"
#include "routing/network/sample_source.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/route_buffer.h"

namespace grouter {
namespace {

// Routes samples [first, end) on several threads and hands them over in order. At most `kWindow` samples a
// thread are in flight.
class OrderedRoutes {
 public:
  OrderedRoutes(const RouterNetwork& network, const SampleSource& samples, uint64_t first, uint64_t end,
                uint32_t num_threads)
      : network_(network),
        samples_(samples),
        end_(end),
        ring_(size_t{num_threads} * kWindow),
        claimed_(first),
        taken_(first) {
    for (uint32_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~OrderedRoutes() {
    {
      const MutexLock lock(&mutex_);
      stopped_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // The next sample's routes. REQUIRES: fewer than end - first calls before.
  absl::StatusOr<SampleRoutes> Next() {
    const MutexLock lock(&mutex_);
    Slot& slot = ring_[taken_ % ring_.size()];
    while (!slot.ready) changed_.Wait(&mutex_);
    slot.ready = false;
    ++taken_;
    changed_.SignalAll();
    return std::move(slot.routes);
  }

 private:
  static constexpr size_t kWindow = 8;
  struct Slot {
    bool ready = false;
    absl::StatusOr<SampleRoutes> routes = SampleRoutes();
  };

  void Work() {
    SampleTokens sample;
    while (true) {
      uint64_t s;
      {
        const MutexLock lock(&mutex_);
        while (!stopped_ && claimed_ < end_ && claimed_ >= taken_ + ring_.size()) changed_.Wait(&mutex_);
        if (stopped_ || claimed_ >= end_) return;
        s = claimed_++;
      }
      absl::StatusOr<SampleRoutes> routes = RouteOne(s, &sample);
      const MutexLock lock(&mutex_);
      ring_[s % ring_.size()].routes = std::move(routes);
      ring_[s % ring_.size()].ready = true;
      changed_.SignalAll();
    }
  }

  absl::StatusOr<SampleRoutes> RouteOne(uint64_t s, SampleTokens* sample) const {
    GROUTER_RETURN_IF_ERROR(samples_.Read(s, sample));
    auto routes = network_.Route(*sample);
    if (!routes.ok()) return Annotate(routes.status(), absl::StrCat("sample ", s));
    return routes;
  }

  const RouterNetwork& network_;
  const SampleSource& samples_;
  const uint64_t end_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Slot> ring_ ABSL_GUARDED_BY(mutex_);
  uint64_t claimed_ ABSL_GUARDED_BY(mutex_);
  uint64_t taken_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

struct ShardRange {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t num_tokens = 0;
};

std::vector<ShardRange> CutShards(const SampleIndex& index, uint64_t shard_tokens) {
  std::vector<ShardRange> shards(1);
  for (uint64_t s = 0; s < index.num_samples(); ++s) {
    if (shards.back().num_tokens >= shard_tokens) shards.push_back({s, 0, 0});
    ++shards.back().count;
    shards.back().num_tokens += index.sample(s).length;
  }
  return shards;
}

absl::Status CheckFit(const Router& router, const SampleIndex& index, const RouteOptions& options) {
  const auto refuse = [](absl::string_view what, absl::string_view fix) {
    return Error(absl::StatusCode::kInvalidArgument, what, "route", fix);
  };
  if (router.digest.IsZero()) return refuse("the router has no digest", "store it first");
  if (options.num_threads == 0 || options.shard_tokens == 0 || index.num_samples() == 0) {
    return refuse("no threads, no tokens per shard or no samples", "give at least one of each");
  }
  if (!router.spec.tokenizer_digest.IsZero() && !index.tokenizer_digest().IsZero() &&
      router.spec.tokenizer_digest != index.tokenizer_digest()) {
    return refuse(absl::StrCat("the router knows tokenizer ", router.spec.tokenizer_digest.ShortHex(),
                               ", the corpus was made with ", index.tokenizer_digest().ShortHex()),
                  "tokenize the corpus with the router's tokenizer");
  }
  if (router.spec.cross_document != index.rules().cross_document) {
    return refuse("router and sample index have different context rules (cross_document)",
                  "make the sample index with the router's rule, or distil with the index's");
  }
  return absl::OkStatus();
}

TableHeader HeaderOf(const Router& router, const SampleIndex& index, WeightType weight_type) {
  TableHeader header;
  header.tokenizer_digest = index.tokenizer_digest();
  header.router_digest = router.digest;
  header.sample_index_digest = index.digest();
  header.num_experts = router.spec.shape.num_experts;
  header.k = router.spec.gate.k;
  header.weight_type = weight_type;
  header.causality = router.spec.causality;
  header.cross_document = router.spec.cross_document;
  header.eod_token = index.rules().eod_token;
  return header;
}

void Fill(const SampleRoutes& routes, bool with_weights, RouteBuffer* buffer) {
  buffer->Reset(routes.num_tokens());
  for (uint32_t t = 0; t < routes.num_tokens(); ++t) {
    for (uint32_t r = 0; r < routes.k; ++r) {
      buffer->SetId(t, r, routes.ids[size_t{t} * routes.k + r]);
      if (with_weights) buffer->SetWeight(t, r, routes.weights[size_t{t} * routes.k + r]);
    }
  }
}

class CorpusRun {
 public:
  CorpusRun(const RouterNetwork& network, const SampleSource& samples, const RouteOptions& options,
            const ProgressCallback& progress, FileSystem& files, RouteReport* report)
      : network_(network),
        samples_(samples),
        options_(options),
        progress_(progress),
        files_(files),
        report_(report) {}

  absl::Status RouteShard(const TableBuilderOptions& shard, uint64_t num_tokens) {
    ++report_->num_shards;
    if (TableBuilder::IsFinished(shard, files_)) {
      ++report_->num_shards_kept;
      return Advance(num_tokens);
    }
    GROUTER_ASSIGN_OR_RETURN(const auto builder, TableBuilder::Create(shard, files_));
    RouteBuffer buffer(shard.header, 0);
    OrderedRoutes stream(network_, samples_, shard.first_sample, shard.first_sample + shard.num_samples,
                         options_.num_threads);
    for (uint64_t i = 0; i < shard.num_samples; ++i) {
      GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, stream.Next());
      Fill(routes, options_.weight_type != WeightType::kNone, &buffer);
      const RouteView view = buffer.view();
      GROUTER_RETURN_IF_ERROR(builder->AddSample({&view, 1}));
      for (const float margin : routes.margins)
        report_->num_near_ties += margin < options_.audit.margin_tolerance;
      report_->num_tokens_routed += routes.num_tokens();
      GROUTER_RETURN_IF_ERROR(Advance(routes.num_tokens()));
    }
    return builder->Finish().status();
  }

 private:
  absl::Status Advance(uint64_t num_tokens) {
    done_ += num_tokens;
    if (!progress_ || progress_({"route", done_, report_->num_tokens, 0})) return absl::OkStatus();
    return Error(absl::StatusCode::kCancelled, "routing was cancelled", options_.table_path,
                 "run the same command again to go on");
  }

  const RouterNetwork& network_;
  const SampleSource& samples_;
  const RouteOptions& options_;
  const ProgressCallback& progress_;
  FileSystem& files_;
  RouteReport* report_;
  uint64_t done_ = 0;
};

}  // namespace

std::string RouteReport::ToJson() const {
  const nlohmann::ordered_json json = {{"table", table_digest.Hex()},
                                       {"num_samples", num_samples},
                                       {"num_tokens", num_tokens},
                                       {"num_tokens_routed", num_tokens_routed},
                                       {"num_shards", num_shards},
                                       {"num_shards_kept", num_shards_kept},
                                       {"num_near_ties", num_near_ties},
                                       {"seconds", seconds},
                                       {"tokens_per_second", tokens_per_second},
                                       {"max_vio", max_vio},
                                       {"audit", ParseOrderedJson(audit.ToJson())}};
  return json.dump();
}

absl::StatusOr<RouteReport> RouteCorpus(const Router& router, std::shared_ptr<const IndexedDataset> dataset,
                                        std::shared_ptr<const SampleIndex> index, const RouteOptions& options,
                                        const ProgressCallback& progress, FileSystem& files) {
  GROUTER_RETURN_IF_ERROR(CheckFit(router, *index, options));
  const CorpusSamples samples(std::move(dataset), index, 0, index->num_samples());
  RouteReport report;
  GROUTER_ASSIGN_OR_RETURN(report.audit, AuditRouter(router, samples, options.audit, progress));
  Router audited = router;
  GROUTER_RETURN_IF_ERROR(EstablishCausality(report.audit, &audited));

  const auto begin = std::chrono::steady_clock::now();
  report.num_samples = samples.num_samples();
  report.num_tokens = samples.num_tokens();
  const RouterNetwork network(router);
  CorpusRun run(network, samples, options, progress, files, &report);
  TableBuilderOptions shard;
  shard.path = options.table_path;
  shard.header = HeaderOf(router, *index, options.weight_type);
  shard.index = index;
  for (const ShardRange& range : CutShards(*index, options.shard_tokens)) {
    shard.first_sample = range.first;
    shard.num_samples = range.count;
    GROUTER_RETURN_IF_ERROR(run.RouteShard(shard, range.num_tokens));
  }
  GROUTER_ASSIGN_OR_RETURN(
      report.table_digest,
      FinishTable(options.table_path, {absl::StrCat("router ", router.digest.Hex())}, files));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report.tokens_per_second =
      report.seconds > 0 ? static_cast<double>(report.num_tokens_routed) / report.seconds : 0;
  GROUTER_ASSIGN_OR_RETURN(const auto table, RoutingTable::Open(options.table_path, files));
  GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics statistics, table->Statistics(0));
  report.max_vio = MaxVio(statistics.load);
  return report;
}

}  // namespace grouter
