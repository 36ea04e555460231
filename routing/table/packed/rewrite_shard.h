// A shard of one tier from a shard of the other: the same samples, facts, counts and statistics; other
// records.
#ifndef GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_
#define GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/shard.h"

namespace grouter {

// Makes the records of single samples. Used by one thread at a time.
class RecordMaker {
 public:
  virtual ~RecordMaker() = default;
  // The payloads of all layer groups of a sample (counted from the shard's first), each a multiple of 8
  // bytes; `payloads` has their number. Returns the sample's Merkle leaf.
  virtual absl::StatusOr<Digest> Make(uint64_t sample, std::vector<std::string>* payloads) = 0;
};

struct ShardRewrite {
  TableTier tier = TableTier::kPlain;
  std::string identity;  // the new shard's
  std::string codec;     // the codec section; empty: none
  // Called once for each thread, on the caller's.
  std::function<absl::StatusOr<std::unique_ptr<RecordMaker>>()> maker;
  uint32_t num_threads = 0;  // that make records; 0: as many as there are cores. The file is the same.
  std::function<void(uint64_t samples)> progress;  // written so far, on the caller's thread; may be empty
};

// Writes `path` (temp + rename). Memory: the records of two samples a thread, 40 bytes a sample and 8 a
// record. Errors of the makers (of the first sample that has one) and the disk; then nothing is left.
absl::Status RewriteShard(const Shard& from, const ShardRewrite& rewrite, const std::string& path,
                          FileSystem& files);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_REWRITE_SHARD_H_
