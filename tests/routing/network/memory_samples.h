// Samples given as lists, and small routers and teachers, for the tests of this room.
#ifndef GROUTER_TESTS_ROUTING_NETWORK_MEMORY_SAMPLES_H_
#define GROUTER_TESTS_ROUTING_NETWORK_MEMORY_SAMPLES_H_

#include <utility>
#include <vector>

#include "io/random.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"

namespace grouter {

class MemorySamples : public SampleSource {
 public:
  explicit MemorySamples(std::vector<SampleTokens> samples) : samples_(std::move(samples)) {}
  uint64_t num_samples() const override { return samples_.size(); }
  uint64_t num_tokens() const override {
    uint64_t sum = 0;
    for (const SampleTokens& sample : samples_) sum += sample.tokens.size();
    return sum;
  }
  absl::Status Read(uint64_t sample, SampleTokens* out) const override {
    *out = samples_.at(sample);
    return absl::OkStatus();
  }

 private:
  std::vector<SampleTokens> samples_;
};

// `length` random ids, cut into documents of about `document_length` (0: one document).
inline SampleTokens RandomSample(Random* random, uint32_t length, uint32_t vocab_size,
                                 uint32_t document_length = 0) {
  SampleTokens sample;
  for (uint32_t i = 0; i < length; ++i) {
    if (i == 0 || (document_length != 0 && random->Below(document_length) == 0))
      sample.document_starts.push_back(i);
    sample.tokens.push_back(static_cast<uint32_t>(random->Below(vocab_size)));
  }
  return sample;
}

inline MemorySamples RandomSamples(uint64_t seed, size_t count, uint32_t length, uint32_t vocab_size,
                                   uint32_t document_length = 0) {
  Random random(seed);
  std::vector<SampleTokens> samples;
  for (size_t i = 0; i < count; ++i)
    samples.push_back(RandomSample(&random, length, vocab_size, document_length));
  return MemorySamples(std::move(samples));
}

inline RouterSpec SmallSpec() {
  RouterSpec spec;
  spec.shape.vocab_size = 50;
  spec.shape.hidden_size = 16;
  spec.shape.num_blocks = 2;
  spec.shape.num_heads = 2;
  spec.shape.mlp_size = 24;
  spec.shape.num_experts = 8;
  spec.gate.k = 3;
  return spec;
}

// A random router whose scores spread, so that context matters and ties are rare.
inline Router SmallRouter(const RouterSpec& spec = SmallSpec(), uint64_t seed = 1) {
  Router router = RandomRouter(spec, seed);
  for (auto& [name, tensor] : router.tensors) {
    if (name.find("norm") != std::string::npos) continue;
    for (float& value : tensor.values) value *= 15;
  }
  return router;
}

}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_NETWORK_MEMORY_SAMPLES_H_
