// `grouter table pack` and `unpack`: a table of the other tier, with the same content digest.
#ifndef GROUTER_ROUTING_TABLE_PACKED_PACK_TABLE_H_
#define GROUTER_ROUTING_TABLE_PACKED_PACK_TABLE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/packed/packed_reader.h"

namespace grouter {

struct PackOptions {
  std::string output;           // the new table's folder
  TokenFiles tokens;            // with them the code is token-conditioned, else context-free
  bool sample_classes = false;  // smaller by up to a tenth, decodes at a fraction of the speed
  // 0: lossless. Else weights are rounded so that none changes by more than this part of it, and the result
  // is another table that names this one as its parent.
  double max_weight_error = 0;
  uint32_t num_threads = 0;  // that learn and code; 0: as many as there are cores. The files are the same.
  std::function<void(uint64_t done, uint64_t total)> progress;  // records, each read twice; may be empty
};

struct PackReport {
  Digest content_digest;
  uint64_t num_tokens = 0;
  uint64_t num_routes = 0;   // tokens x layer groups
  uint64_t plain_bytes = 0;  // of all files, before and after
  uint64_t packed_bytes = 0;
  uint64_t code_bytes = 0;  // of it: the codes' tables
};

// Shard by shard; one that is there already is kept. Memory: LearnCodec's and RewriteShard's.
// FAILED_PRECONDITION when the table is not plain, or the tokens are not those of its sample index;
// INVALID_ARGUMENT for an error bound outside [0, 0.5) or without weights.
absl::StatusOr<PackReport> PackTable(const std::string& path, const PackOptions& options,
                                     FileSystem& files = FileSystem::Local());

// The plain table of a packed one. Every sample is compared with its digest: DATA_LOSS. FAILED_PRECONDITION
// when the table is not packed, or decodes only beside other tokens.
absl::StatusOr<Digest> UnpackTable(const std::string& path, const std::string& output,
                                   const TokenFiles& tokens,
                                   const std::function<void(uint64_t done, uint64_t total)>& progress = {},
                                   FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_PACK_TABLE_H_
