// Learns a shard's code from its routes: expert lists or pairs, planes, weights.
#ifndef GROUTER_ROUTING_TABLE_PACKED_LEARN_CODEC_H_
#define GROUTER_ROUTING_TABLE_PACKED_LEARN_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io/digest.h"
#include "routing/table/packed/route_codec.h"
#include "routing/table/routing_table.h"

namespace grouter {

// The routes of some samples, and their tokens. One thread at a time; what a call returns lives until the
// next call of the same function.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual const TableHeader& header() const = 0;
  virtual uint64_t num_samples() const = 0;
  virtual uint64_t num_tokens() const = 0;  // of its samples, counted once
  virtual absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t layer_group) = 0;
  // Empty without tokens.
  virtual absl::StatusOr<absl::Span<const uint32_t>> Tokens(uint64_t sample) = 0;
  // The same routes for one more thread, valid while this source is; null: no other thread may read them.
  virtual std::unique_ptr<RecordSource> Another() const { return nullptr; }
};

struct LearnOptions {
  Digest dataset_digest;  // of the token file; zero: a context-free code
  bool sample_classes =
      false;  // expert lists of up to 256 experts are sorted for each record; smaller, slower
  uint64_t sampled_tokens = uint64_t{1} << 20;  // of a layer group, for the frequencies of symbols
  uint32_t num_threads = 0;                     // 0: as many as there are cores. The code is the same.
  std::function<void(uint64_t done, uint64_t total)>
      progress;  // records, on the caller's thread; may be empty
};

// Memory: kMaxListBytes of lists; counts of four times that, more threads sharing twice as much. Errors are
// the source's, of the first sample that has one.
absl::StatusOr<std::shared_ptr<const RouteCodec>> LearnCodec(const LearnOptions& options,
                                                             RecordSource* source);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_LEARN_CODEC_H_
