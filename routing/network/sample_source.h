// Where the steps of this room get their samples: a corpus on disk, or lists in a test.
#ifndef GROUTER_ROUTING_NETWORK_SAMPLE_SOURCE_H_
#define GROUTER_ROUTING_NETWORK_SAMPLE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "data/sample_tokens.h"

namespace grouter {

// A list of samples. Immutable and thread-safe.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual uint64_t num_samples() const = 0;
  virtual uint64_t num_tokens() const = 0;
  // Fills `tokens` and `document_starts`. REQUIRES: sample < num_samples(). DATA_LOSS and the like name the
  // sample.
  virtual absl::Status Read(uint64_t sample, SampleTokens* out) const = 0;
};

// Samples [first, first + count) of an index over a dataset.
class CorpusSamples : public SampleSource {
 public:
  // REQUIRES: the range lies in the index.
  CorpusSamples(std::shared_ptr<const IndexedDataset> dataset, std::shared_ptr<const SampleIndex> index,
                uint64_t first, uint64_t count);
  // One data split. NOT_FOUND names the splits that are there; INVALID_ARGUMENT for an empty one.
  static absl::StatusOr<std::unique_ptr<CorpusSamples>> Split(std::shared_ptr<const IndexedDataset> dataset,
                                                              std::shared_ptr<const SampleIndex> index,
                                                              absl::string_view split);
  uint64_t num_samples() const override { return count_; }
  uint64_t num_tokens() const override { return num_tokens_; }
  absl::Status Read(uint64_t sample, SampleTokens* out) const override;

 private:
  std::shared_ptr<const IndexedDataset> dataset_;
  std::shared_ptr<const SampleIndex> index_;
  uint64_t first_;
  uint64_t count_;
  uint64_t num_tokens_ = 0;
};

// The order in which a step walks over samples: all of them in a seeded shuffle, again and again, each pass
// in an order of its own.
class SampleOrder {
 public:
  // REQUIRES: num_samples > 0.
  SampleOrder(uint64_t num_samples, uint64_t seed);
  uint64_t Next();

 private:
  void Shuffle();
  std::vector<uint64_t> order_;
  uint64_t seed_;
  uint64_t pass_ = 0;
  uint64_t at_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_SAMPLE_SOURCE_H_
