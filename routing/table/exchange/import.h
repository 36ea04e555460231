// Routes of other formats become a routing table: `grouter table import`.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_IMPORT_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_IMPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "data/sample_index.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/exchange/route_source.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct ImportOptions {
  // "npz" | "npy": ids [layers, tokens, k] or [tokens, k], seq_len, weights.
  // "megatron" | "reference": .bin/.idx pairs, inputs = prefix of the ids, then of the weights.
  // "routed-experts" | "trace-jsonl": JSON lines.
  // "tensor": safetensors or .npy, [tokens, layers, k] or [samples, tokens, layers, k].
  std::string format;
  std::vector<std::string> inputs;
  std::string lengths_input;  // npy, tensor from .npy: an .npy of the samples' lengths
  std::string ids_name;       // npz, safetensors; empty: "ids", "routed_experts" or the only array
  std::string output;         // the table's folder; a sample_index is written into it when none is given
  std::shared_ptr<const SampleIndex> index;  // absent: made from the lengths, tokens unknown
  uint32_t num_experts = 0;                  // 0: the largest id + 1 (at least 2)
  uint32_t num_layer_groups = 0, k = 0;      // where the format does not say them
  MissingMarkers markers;
  bool per_token_k = false;
  absl::optional<WeightType> weight_type;  // convert; absent: as they are
  Digest tokenizer_digest, router_digest;  // zero: unknown
  Causality causality = Causality::kCaptured;
  bool autoregressive = false;  // states that captured routes come from autoregressive generation
  uint64_t shard_tokens = uint64_t{1} << 24;  // a shard ends at the first sample past this many
  std::vector<std::string> provenance;        // more lines, after "format" and "input"
  std::function<void(uint64_t done, uint64_t total)> progress;  // tokens; may be empty
  ScanProgress scan_progress;  // of the pass before, where a format needs one; may be empty
};

struct ImportReport {
  Digest content_digest;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint32_t num_experts = 0;
  std::vector<std::string> assumptions;
};

// Streams: memory is one sample's routes and the builder's batches. Shards already there for the same routes
// are kept, so that an interrupted import goes on. INVALID_ARGUMENT naming input, sample and token.
absl::StatusOr<ImportReport> ImportTable(const ImportOptions& options,
                                         FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_IMPORT_H_
