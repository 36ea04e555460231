// Reads packed tables: one shard's records, and a whole table of any tier as a RoutingTable.
#ifndef GROUTER_ROUTING_TABLE_PACKED_PACKED_READER_H_
#define GROUTER_ROUTING_TABLE_PACKED_PACKED_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "data/sample_tokens.h"
#include "routing/table/packed/route_codec.h"
#include "routing/table/routing_table.h"
#include "routing/table/shard.h"
#include "routing/table/verify.h"

namespace grouter {

// The tokens that a token-conditioned table was packed beside; both empty where there are none.
struct TokenFiles {
  std::shared_ptr<const SampleIndex> index;
  std::shared_ptr<const IndexedDataset> dataset;
  bool empty() const { return index == nullptr || dataset == nullptr; }
};

// FAILED_PRECONDITION unless the files are those that the table (its sample index) and the code (its dataset)
// name.
absl::Status CheckTokenFiles(const TokenFiles& tokens, const Digest& sample_index, const Digest& dataset);

// The records of one packed shard. One thread at a time.
class PackedShardReader {
 public:
  // FAILED_PRECONDITION when the code needs tokens that are not given; DATA_LOSS when sections are damaged.
  static absl::StatusOr<std::unique_ptr<PackedShardReader>> Open(std::shared_ptr<const Shard> shard,
                                                                 const TokenFiles& tokens);
  // One more for the same shard, for another thread; the code is shared.
  std::unique_ptr<PackedShardReader> Another() const;
  const Shard& shard() const { return *shard_; }
  const RouteCodec& codec() const { return *codec_; }
  // Decodes a record; `sample` is counted from the shard's first. The view lives until another sample is
  // read. CRCs are checked. DATA_LOSS with file and byte.
  absl::StatusOr<RouteView> Read(uint64_t sample, uint32_t layer_group);
  // The plain record's payload that Read made last.
  absl::string_view plain(uint32_t layer_group) const { return buffers_[layer_group]; }

 private:
  PackedShardReader(std::shared_ptr<const Shard> shard, std::shared_ptr<const RouteCodec> codec,
                    TokenFiles tokens);

  const std::shared_ptr<const Shard> shard_;
  const std::shared_ptr<const RouteCodec> codec_;
  const TokenFiles tokens_;
  RouteDecoder decoder_;
  uint64_t sample_ = UINT64_MAX;  // whose tokens are loaded
  SampleTokens sample_tokens_;
  std::vector<std::string> buffers_;  // [layer group], plain records
};

// A table of either tier whose Routes() work: a plain one as RoutingTable::Open gives it, a packed one
// decoded record by record. Of a packed table one thread at a time may read routes, and a view lives until
// another sample is read; Routes and CheckedRoutes are the same. Errors: RoutingTable::Open's and
// PackedShardReader's.
absl::StatusOr<std::shared_ptr<const RoutingTable>> OpenTableOfAnyTier(
    const std::string& path, const TokenFiles& tokens, FileSystem& files = FileSystem::Local());

// VerifyTable for either tier.
absl::StatusOr<VerifyReport> VerifyTableOfAnyTier(const std::string& path, VerifyOptions options,
                                                  const TokenFiles& tokens,
                                                  FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_PACKED_READER_H_
