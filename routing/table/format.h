// The routing table's bytes: constants, the identity block, the geometry of one record, the header page of a
// shard. Values in, values out; no I/O. docs/table_format.md is the same in words and a picture.
#ifndef GROUTER_ROUTING_TABLE_FORMAT_H_
#define GROUTER_ROUTING_TABLE_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/coding.h"
#include "routing/table/routing_table.h"

namespace grouter {

// A reader of major version M reads every minor version of M: sections and trailing manifest fields that it
// does not know are skipped. Another major version is UNIMPLEMENTED.
constexpr uint32_t kTableFormatMajor = 1;
constexpr uint32_t kTableFormatMinor = 0;
constexpr char kShardMagic[] = "GRTSHARD";     // 8 bytes
constexpr char kManifestMagic[] = "GRTTABLE";  // 8 bytes
constexpr char kManifestName[] = "MANIFEST";
constexpr char kShardSuffix[] = ".shard";

constexpr uint32_t kHeaderPageBytes = 4096;  // of a shard
constexpr uint32_t kBlockBytes = 16384;      // what one CRC32C covers, counted from a record's start
constexpr uint32_t kMinExperts = 2;
constexpr uint32_t kMaxExperts = 65536;
constexpr uint32_t kMaxK = 16;
constexpr uint32_t kMaxLayerGroups = 65536;
constexpr uint32_t kMaxSplits = 1024;
constexpr uint32_t kMaxDomains = 65536;
constexpr uint32_t kMaxSections = 32;
constexpr uint64_t kMaxSampleTokens = uint64_t{1} << 31;

// 1 up to E = 256, else 2.
inline uint32_t IdWidth(uint32_t num_experts) { return num_experts <= 256 ? 1 : 2; }
inline uint64_t AlignUp8(uint64_t n) { return (n + 7) & ~uint64_t{7}; }

// INVALID_ARGUMENT naming the field: E, k, id width, layer groups, splits that are not side by side from 0.
absl::Status ValidateTableHeader(const TableHeader& header);

// The semantic header, the part the content digest covers: all fields but id_width.
void EncodeTableHeader(const TableHeader& header, ByteWriter* out);
// INVALID_ARGUMENT when cut, absurd or invalid; never allocates more than the input holds.
absl::StatusOr<TableHeader> DecodeTableHeader(ByteReader* in);

// Where the planes of one record (the routes of one sample in one layer group) lie, from its first byte.
// Every plane starts at a multiple of 8; the gaps are zero. Units: bytes.
struct RecordLayout {
  uint64_t ids_bytes = 0;
  uint64_t weights = 0, weights_bytes = 0;
  uint64_t num_topk = 0, num_topk_bytes = 0;
  uint64_t missing = 0, missing_bytes = 0;
  uint64_t payload_bytes = 0;  // planes and gaps: what the CRCs cover
  uint64_t num_blocks = 0;     // ceil(payload_bytes / kBlockBytes)
  uint64_t bytes = 0;          // payload, CRCs (u32 each), gap
};
// REQUIRES: num_tokens <= kMaxSampleTokens, a valid header.
RecordLayout LayoutRecord(const TableHeader& header, uint64_t num_tokens, bool has_missing);
// A record whose payload is `payload_bytes` of coded bytes (packed tier): only the last three fields.
RecordLayout LayoutCodedRecord(uint64_t payload_bytes);

// The CRC32C of one block. It starts from the record's coordinates, so that a block read at another place is
// found to be wrong too.
uint32_t BlockCrc(uint64_t sample, uint32_t layer_group, uint64_t block, absl::string_view bytes);

// Sections of a shard, in file order. Numbers are part of the format.
enum class SectionKind : uint32_t {
  kRoutes = 1,        // records, [sample][layer group]; guarded by their own CRCs
  kIdentity = 2,      // semantic header, domain names
  kOffsets = 3,       // u64 x (samples x layer groups + 1): file offset of a record, low bits are flags
  kLeaves = 4,        // 32 bytes x samples: Merkle leaves
  kFacts = 5,         // SampleFacts x samples, six u32
  kCountOffsets = 6,  // u64 x (samples x layer groups + 1): into kCounts
  kCounts = 7,        // sparse expert counts
  kStatistics = 8,    // per layer group: load, co-activation
  kCodec = 9,         // packed tier only: the code's tables
};

constexpr uint64_t kOffsetHasMissing = 1;  // flag in kOffsets: the record has a missing bitmap
constexpr uint64_t kOffsetFlags = 7;
constexpr uint32_t kFactsBytes = 24;

struct Section {
  SectionKind kind = SectionKind::kRoutes;
  uint32_t crc32c = 0;  // of its bytes; 0 for kRoutes
  uint64_t offset = 0;  // in the file, a multiple of 8
  uint64_t bytes = 0;
};

// The first page of a shard.
struct ShardHeader {
  uint32_t format_major = kTableFormatMajor;
  uint32_t format_minor = kTableFormatMinor;
  TableTier tier = TableTier::kPlain;
  bool token_crcs_known = false;
  uint64_t first_sample = 0;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;  // of its samples, counted once
  std::vector<Section> sections;

  // nullptr when there is none.
  const Section* Find(SectionKind kind) const;
};

// Exactly kHeaderPageBytes. REQUIRES: at most kMaxSections sections.
std::string EncodeShardHeader(const ShardHeader& header);
// `page` is the file's first kHeaderPageBytes, `file_bytes` its size. DATA_LOSS, INVALID_ARGUMENT (not a
// shard), UNIMPLEMENTED (another major version). After OK every section lies inside the file, in order and
// without overlap, and the required ones are there.
absl::StatusOr<ShardHeader> DecodeShardHeader(absl::string_view page, uint64_t file_bytes);

// "0000000000-0000004096.shard": first sample and number of samples, so that names sort by sample.
std::string ShardName(uint64_t first_sample, uint64_t num_samples);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_FORMAT_H_
