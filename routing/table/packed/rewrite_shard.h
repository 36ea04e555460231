// A shard of one tier from a shard of the other: the same samples, facts, counts and statistics; other
// records.
#ifndef GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_
#define GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/shard.h"

namespace grouter {

struct ShardRewrite {
  TableTier tier = TableTier::kPlain;
  std::string identity;  // the new shard's
  std::string codec;     // the codec section; empty: none
  // The payload of a record, a multiple of 8 bytes; asked for in order. `sample` is counted from the shard's
  // first.
  std::function<absl::StatusOr<absl::string_view>(uint64_t sample, uint32_t layer_group)> payload;
  // The Merkle leaf of a sample, asked for after its payloads.
  std::function<absl::StatusOr<Digest>(uint64_t sample)> leaf;
};

// Writes `path` (temp + rename). Memory: one record, 40 bytes a sample and 8 a record. Errors of the
// callbacks and the disk; then nothing is left.
absl::Status RewriteShard(const Shard& from, const ShardRewrite& rewrite, const std::string& path,
                          FileSystem& files);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_
