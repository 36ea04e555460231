// Distillation: a new router network learns to give a teacher's routing. The loss is KL(softmax(teacher
// scores) || softmax(router scores)) per token, without a temperature; the teacher's scores are those of its
// first MoE layer.
#ifndef GROUTER_ROUTING_NETWORK_DISTILL_H_
#define GROUTER_ROUTING_NETWORK_DISTILL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"

namespace grouter {

struct DistillOptions {
  // The router's shape; vocabulary and experts are the teacher's.
  uint32_t hidden_size = 128;
  uint32_t num_blocks = 2;
  uint32_t num_heads = 4;
  uint32_t mlp_size = 352;
  Causality causality = Causality::kCausal;
  GateRule gate = {/*k=*/0, GateScoring::kSoftmax, 1.0};  // k 0: the teacher's
  // Of the corpus: SampleIndexRules::cross_document and the index's tokenizer.
  bool cross_document = false;
  Digest tokenizer_digest;

  uint64_t train_tokens = 2'000'000;
  uint64_t tokens_per_step = 8192;  // whole samples, at least so many tokens
  double learning_rate = 3e-3;
  double warmup_share = 0.05;
  double weight_decay = 0.01;
  double max_norm = 1.0;
  uint64_t valid_tokens = 200'000;  // measured on this many held-out tokens
  uint32_t num_threads = 2;
  uint64_t seed = 1;
};

// Shares are of [0, 1]; "held out" = on the valid samples, with the same tokens for all figures.
struct DistillMetrics {
  uint64_t train_tokens = 0;
  uint64_t num_steps = 0;
  double first_loss = 0;  // KL of the first step, nats per token
  double last_loss = 0;   // mean over the last tenth of the steps
  double seconds = 0;
  uint64_t valid_tokens = 0;
  double valid_kl = 0;
  double recall = 0;         // of the teacher's k experts, how many the router selects
  double exact_match = 0;    // tokens whose k experts are all the teacher's
  double static_recall = 0;  // the same of the static token table made from the train tokens
  double max_vio = 0;        // of the router's routes
  double teacher_max_vio = 0;

  std::string ToJson() const;
};

struct DistillResult {
  Router router;  // not stored yet; its causality is not established yet
  DistillMetrics metrics;
};

// Reads the teacher's folder and trains. Same inputs and options give the same router.
// Errors: those of Teacher::Load and of the samples, INVALID_ARGUMENT for options that do not fit or a token
// outside the teacher's vocabulary, CANCELLED, DATA_LOSS when the loss stops being a number.
absl::StatusOr<DistillResult> Distill(const std::string& teacher_folder, const SampleSource& train,
                                      const SampleSource& valid, const DistillOptions& options,
                                      const ProgressCallback& progress = {},
                                      FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_DISTILL_H_
