// The manifest: the small file that makes a folder of shards a table. Written last, by rename; a folder
// without one is not a table. Values and their encoding; no I/O.
#ifndef GROUTER_ROUTING_TABLE_MANIFEST_H_
#define GROUTER_ROUTING_TABLE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "routing/table/format.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct ManifestShard {
  std::string name;  // a file beside the manifest: no slash, no leading dot
  uint64_t file_bytes = 0;
  uint64_t first_sample = 0;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  Digest header_digest;  // SHA-256 of the shard's header page
};

struct Manifest {
  uint32_t format_major = kTableFormatMajor;
  uint32_t format_minor = kTableFormatMinor;
  TableTier tier = TableTier::kPlain;
  bool token_crcs_known = false;
  TableHeader header;
  std::vector<std::string> domains;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  Digest root;                          // Merkle root of the leaves
  Digest content_digest;                // ContentDigest(header, num_samples, root)
  std::vector<ManifestShard> shards;    // by first_sample, side by side from 0
  std::vector<std::string> provenance;  // "key: value" lines for people; not part of the content digest
};

// Magic, version, length, payload, SHA-256 of all before it.
std::string EncodeManifest(const Manifest& manifest);
// INVALID_ARGUMENT (not a manifest), DATA_LOSS (damaged, with the byte), UNIMPLEMENTED (another major
// version). After OK: names stay inside the folder, shards cover the samples exactly, sums agree, the
// content digest is that of header and root.
absl::StatusOr<Manifest> DecodeManifest(absl::string_view bytes);

// Identity section of a shard: semantic header and domain names.
std::string EncodeIdentity(const TableHeader& header, const std::vector<std::string>& domains);
absl::Status DecodeIdentity(absl::string_view bytes, TableHeader* header, std::vector<std::string>* domains);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_MANIFEST_H_
