#include "routing/network/distill.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"
#include "routing/balance.h"
#include "routing/network/router_network.h"
#include "routing/network/tensors/adamw.h"
#include "routing/network/tensors/router_tensors.h"
#include "routing/network/tensors/teacher.h"
#include "routing/network/token_table.h"

namespace grouter {
namespace {

absl::StatusOr<Router> NewRouter(const Teacher& teacher, const DistillOptions& options) {
  RouterSpec spec;
  spec.shape.vocab_size = teacher.vocab_size();
  spec.shape.num_experts = teacher.num_experts();
  spec.shape.hidden_size = options.hidden_size;
  spec.shape.num_blocks = options.num_blocks;
  spec.shape.num_heads = options.num_heads;
  spec.shape.mlp_size = options.mlp_size;
  spec.gate = options.gate;
  if (spec.gate.k == 0) spec.gate.k = teacher.k();
  spec.causality = options.causality;
  spec.cross_document = options.cross_document;
  spec.tokenizer_digest = options.tokenizer_digest;
  GROUTER_RETURN_IF_ERROR(spec.Validate());
  if (options.train_tokens == 0 || options.tokens_per_step == 0 || options.valid_tokens == 0 ||
      options.num_threads == 0 || !(options.learning_rate > 0) || options.warmup_share < 0 ||
      options.warmup_share > 1) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "token counts, threads and the learning rate must be above 0", "distill",
                 "correct the options");
  }
  return RandomRouter(std::move(spec), options.seed);
}

// KL(softmax(teacher) || softmax(router)), summed over tokens.
at::Tensor SummedKl(const at::Tensor& teacher_scores, const at::Tensor& router_scores) {
  return at::kl_div(at::log_softmax(router_scores, -1), at::log_softmax(teacher_scores, -1),
                    at::Reduction::Sum,
                    /*log_target=*/true);
}

// The k best of every row, in row order.
std::vector<uint32_t> SelectRows(const at::Tensor& scores, uint32_t k) {
  const at::Tensor rows = scores.detach().contiguous();
  const size_t num_experts = static_cast<size_t>(rows.size(1));
  std::vector<uint32_t> ids(static_cast<size_t>(rows.size(0)) * k);
  std::vector<float> weights(k);
  GateRule rule;
  rule.k = k;
  const float* row = rows.data_ptr<float>();
  for (size_t t = 0; t < ids.size(); t += k, row += num_experts) {
    SelectExperts({row, num_experts}, {}, rule, absl::MakeSpan(&ids[t], k), absl::MakeSpan(weights));
  }
  return ids;
}

uint32_t NumShared(absl::Span<const uint32_t> a, absl::Span<const uint32_t> b) {
  return static_cast<uint32_t>(std::count_if(
      a.begin(), a.end(), [&](uint32_t id) { return std::find(b.begin(), b.end(), id) != b.end(); }));
}

// Whole samples of the order until there are `num_tokens`.
absl::Status ReadStep(const SampleSource& source, SampleOrder* order, uint64_t num_tokens,
                      uint32_t vocab_size, std::vector<SampleTokens>* samples, uint64_t* tokens_read) {
  *tokens_read = 0;
  size_t count = 0;
  while (*tokens_read < num_tokens) {
    if (count == samples->size()) samples->emplace_back();
    SampleTokens* sample = &(*samples)[count++];
    GROUTER_RETURN_IF_ERROR(source.Read(order->Next(), sample));
    GROUTER_RETURN_IF_ERROR(CheckVocabulary(*sample, vocab_size));
    *tokens_read += sample->tokens.size();
  }
  samples->resize(count);
  return absl::OkStatus();
}

struct Learner {
  const Teacher& teacher;
  const DistillOptions& options;
  const ProgressCallback& progress;
  uint32_t k;
  TokenTable table;

  absl::Status Report(absl::string_view phase, uint64_t done, uint64_t total, double loss) const {
    if (!progress || progress({phase, std::min(done, total), total, loss})) return absl::OkStatus();
    return Error(absl::StatusCode::kCancelled, absl::StrCat(phase, " was cancelled"));
  }

  absl::Status Train(const SampleSource& train, RouterTensors* network, DistillMetrics* metrics) {
    AdamWOptions adamw;
    adamw.learning_rate = options.learning_rate;
    adamw.weight_decay = options.weight_decay;
    adamw.max_norm = options.max_norm;
    adamw.num_steps = (options.train_tokens + options.tokens_per_step - 1) / options.tokens_per_step;
    adamw.warmup_steps = static_cast<uint64_t>(options.warmup_share * static_cast<double>(adamw.num_steps));
    AdamW optimizer(network->parameters(), adamw);
    SampleOrder order(train.num_samples(), options.seed);
    std::vector<SampleTokens> samples;
    std::vector<double> losses;
    for (uint64_t step = 0; step < adamw.num_steps; ++step) {
      uint64_t tokens = 0;
      GROUTER_RETURN_IF_ERROR(
          ReadStep(train, &order, options.tokens_per_step, teacher.vocab_size(), &samples, &tokens));
      const TokenBatch batch = MakeBatch(samples, options.cross_document);
      const at::Tensor target = teacher.Scores(batch);
      const at::Tensor loss =
          SummedKl(target, network->Scores(network->Hidden(batch))) / static_cast<double>(tokens);
      loss.backward();
      losses.push_back(loss.item<double>());
      const double norm = optimizer.Step();
      if (!std::isfinite(losses.back()) || !std::isfinite(norm)) {
        return Error(absl::StatusCode::kDataLoss, "the loss is not a number any more",
                     absl::StrCat("step ", step), "lower the learning rate, or check the teacher's weights");
      }
      Count(batch, target);
      metrics->train_tokens += tokens;
      GROUTER_RETURN_IF_ERROR(
          Report("distill", (step + 1) * options.tokens_per_step, options.train_tokens, losses.back()));
    }
    metrics->num_steps = losses.size();
    metrics->first_loss = losses.front();
    const size_t tail = std::max<size_t>(losses.size() / 10, 1);
    for (size_t i = losses.size() - tail; i < losses.size(); ++i) metrics->last_loss += losses[i] / tail;
    return absl::OkStatus();
  }

  // The static table learns from the very tokens the network learned from.
  void Count(const TokenBatch& batch, const at::Tensor& target) {
    const std::vector<uint32_t> chosen = SelectRows(target, k);
    const int64_t* ids = batch.ids.data_ptr<int64_t>();
    for (int64_t t = 0; t < batch.ids.size(0); ++t) {
      table.Add(static_cast<uint32_t>(ids[t]), absl::MakeConstSpan(chosen).subspan(t * k, k));
    }
  }

  absl::Status Measure(const SampleSource& valid, const RouterTensors& network, DistillMetrics* metrics) {
    const at::NoGradGuard no_gradient;
    table.Finish();
    std::vector<uint64_t> load(teacher.num_experts()), teacher_load(teacher.num_experts());
    uint64_t shared = 0, static_shared = 0, exact = 0;
    double kl = 0;
    const uint64_t total = std::min(options.valid_tokens, valid.num_tokens());
    for (uint64_t s = 0; s < valid.num_samples() && metrics->valid_tokens < total; ++s) {
      SampleTokens sample;
      GROUTER_RETURN_IF_ERROR(valid.Read(s, &sample));
      GROUTER_RETURN_IF_ERROR(CheckVocabulary(sample, teacher.vocab_size()));
      if (sample.tokens.empty()) continue;
      const TokenBatch batch = MakeBatch({&sample, 1}, options.cross_document);
      const at::Tensor target = teacher.Scores(batch);
      const at::Tensor scores = network.Scores(network.Hidden(batch));
      kl += SummedKl(target, scores).item<double>();
      const std::vector<uint32_t> wanted = SelectRows(target, k);
      const std::vector<uint32_t> chosen = SelectRows(scores, k);
      for (size_t t = 0; t < sample.tokens.size(); ++t) {
        const auto teacher_ids = absl::MakeConstSpan(wanted).subspan(t * k, k);
        const uint32_t hits = NumShared(teacher_ids, absl::MakeConstSpan(chosen).subspan(t * k, k));
        shared += hits;
        exact += hits == k;
        static_shared += NumShared(teacher_ids, table.Lookup(sample.tokens[t]));
      }
      for (const uint32_t id : chosen) ++load[id];
      for (const uint32_t id : wanted) ++teacher_load[id];
      metrics->valid_tokens += sample.tokens.size();
      GROUTER_RETURN_IF_ERROR(Report("measure", metrics->valid_tokens, total, 0));
    }
    const double tokens = std::max<double>(1, metrics->valid_tokens);
    metrics->valid_kl = kl / tokens;
    metrics->recall = shared / tokens / k;
    metrics->static_recall = static_shared / tokens / k;
    metrics->exact_match = exact / tokens;
    metrics->max_vio = MaxVio(load);
    metrics->teacher_max_vio = MaxVio(teacher_load);
    return absl::OkStatus();
  }
};

}  // namespace

std::string DistillMetrics::ToJson() const {
  nlohmann::ordered_json json = {
      {"train_tokens", train_tokens},   {"num_steps", num_steps}, {"first_loss", first_loss},
      {"last_loss", last_loss},         {"seconds", seconds},     {"valid_tokens", valid_tokens},
      {"valid_kl", valid_kl},           {"recall", recall},       {"exact_match", exact_match},
      {"static_recall", static_recall}, {"max_vio", max_vio},     {"teacher_max_vio", teacher_max_vio}};
  return json.dump();
}

absl::StatusOr<DistillResult> Distill(const std::string& teacher_folder, const SampleSource& train,
                                      const SampleSource& valid, const DistillOptions& options,
                                      const ProgressCallback& progress, FileSystem& files) {
  const auto begin = std::chrono::steady_clock::now();
  GROUTER_ASSIGN_OR_RETURN(const auto teacher, Teacher::Load(teacher_folder, files));
  DistillResult result;
  GROUTER_ASSIGN_OR_RETURN(result.router, NewRouter(*teacher, options));
  if (train.num_tokens() == 0 || valid.num_tokens() == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "there are no samples to learn from or to measure on",
                 "distill", "give splits with tokens");
  }
  const UseThreads threads(options.num_threads);
  RouterTensors network(result.router, /*trainable=*/true);
  const uint32_t k = result.router.spec.gate.k;
  Learner learner{*teacher, options, progress, k, TokenTable(teacher->num_experts(), k)};
  GROUTER_RETURN_IF_ERROR(learner.Train(train, &network, &result.metrics));
  GROUTER_RETURN_IF_ERROR(learner.Measure(valid, network, &result.metrics));
  network.StoreTo(&result.router);
  result.metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  nlohmann::ordered_json step = {{"step", "distill"},
                                 {"seed", options.seed},
                                 {"learning_rate", options.learning_rate},
                                 {"tokens_per_step", options.tokens_per_step},
                                 {"metrics", ParseOrderedJson(result.metrics.ToJson())}};
  // Time is not a property of the router: equal routers have equal bytes.
  step["metrics"].erase("seconds");
  result.router.spec.history.push_back(step.dump());
  return result;
}

}  // namespace grouter
