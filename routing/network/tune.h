// Tuning: evens out the load of a router on a corpus. Only the last linear layer changes (or only the
// selection bias); what the network sees stays as distilled.
#ifndef GROUTER_ROUTING_NETWORK_TUNE_H_
#define GROUTER_ROUTING_NETWORK_TUNE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"

namespace grouter {

enum class TuneMethod : uint8_t {
  kLoadBalanceLoss = 0,  // E * sum over experts of (share of selections x mean probability), nothing else
  kSelectionBias = 1,    // loss-free: the bias of a busy expert sinks, that of an idle one rises
};

struct TuneOptions {
  TuneMethod method = TuneMethod::kLoadBalanceLoss;
  uint64_t train_tokens = 1'000'000;
  uint64_t tokens_per_step = 8192;
  double learning_rate = 1e-3;  // kLoadBalanceLoss; AdamW, cosine decay
  double bias_rate = 0.05;  // kSelectionBias: step of the bias in score units, sinking to 0 in equal steps
  uint64_t valid_tokens = 200'000;
  uint32_t num_threads = 2;
  uint64_t seed = 1;
};

struct TuneMetrics {
  uint64_t train_tokens = 0;
  uint64_t num_steps = 0;
  uint64_t valid_tokens = 0;
  double max_vio_before = 0;  // on the valid samples
  double max_vio_after = 0;
  double kept_share = 0;  // of the selections on the valid samples, those that stayed
  double seconds = 0;

  std::string ToJson() const;
};

struct TuneResult {
  Router router;
  TuneMetrics metrics;
};

// Same inputs and options give the same router. CANCELLED; INVALID_ARGUMENT.
absl::StatusOr<TuneResult> Tune(const Router& router, const SampleSource& train, const SampleSource& valid,
                                const TuneOptions& options, const ProgressCallback& progress = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TUNE_H_
