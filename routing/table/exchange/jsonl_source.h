// Routes in JSON lines: captured routes as SGLang and vLLM return them, and Megatron's router traces.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_JSONL_SOURCE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_JSONL_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/file.h"
#include "routing/table/exchange/route_source.h"

namespace grouter {

// One captured answer. `ids` is [rows, layers, k]; row r is the route of token start + r. The last token of a
// sequence was never fed to the model, so a whole answer has seq_len - 1 rows.
struct RoutedExperts {
  uint64_t start = 0;
  uint64_t seq_len = 0;            // tokens of the sequence; 0: not said, start + rows + 1
  uint32_t num_layers = 0, k = 0;  // 0: not said
  std::string ids;                 // int32, little-endian
};
// A line of `routed-experts`: an object with "routed_experts" (base64 int32), by itself or inside
// "meta_info", and optionally "shape" [rows, layers, k], "seq_len", "routed_experts_start_len".
// INVALID_ARGUMENT.
absl::StatusOr<RoutedExperts> ParseRoutedExperts(absl::string_view line);

// A line of `trace-jsonl` (Megatron-Core's RouterTracer): the routes of one layer in one step of one rank.
struct RouterTrace {
  int64_t step = 0, rank = 0, layer = 0;
  int64_t block = 0;  // 0: decoder; 1 + mtp_idx: multi-token prediction
  uint32_t num_tokens = 0, k = 0;
  std::vector<int32_t> ids;  // [num_tokens][k]
};
absl::StatusOr<RouterTrace> ParseRouterTrace(absl::string_view line);

struct JsonlSourceOptions {
  std::string path;
  uint32_t num_layer_groups = 0, k = 0;  // needed by routed-experts without "shape"
  MissingMarkers markers;
  uint32_t num_experts = 0;
  bool per_token_k = false;
  ScanProgress progress;  // bytes of the pass that finds lines and lengths; may be empty
};

// Samples are lines. Tokens before the start offset and after the rows have missing routes.
absl::StatusOr<std::unique_ptr<RouteSource>> OpenRoutedExpertsSource(const JsonlSourceOptions& options,
                                                                     FileSystem& files = FileSystem::Local());
// Samples are (rank, step), ascending; layer groups are (block, layer), ascending: every sample has each
// once.
absl::StatusOr<std::unique_ptr<RouteSource>> OpenRouterTraceSource(const JsonlSourceOptions& options,
                                                                   FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_JSONL_SOURCE_H_
