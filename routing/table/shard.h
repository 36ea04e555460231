// One mapped shard: bounds-checked access to its records and sections. What RoutingTable, merge and verify
// are made of; readers of tables use routing_table.h.
#ifndef GROUTER_ROUTING_TABLE_SHARD_H_
#define GROUTER_ROUTING_TABLE_SHARD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "io/file.h"
#include "routing/table/format.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Immutable and thread-safe. `sample` is counted from the shard's first one everywhere here.
class Shard {
 public:
  // One record's bytes: payload and where it lies.
  struct Record {
    absl::string_view payload;
    absl::string_view crcs;  // u32 per block
    absl::string_view gap;   // zeros up to the next record
    uint64_t offset = 0;     // in the file
    bool has_missing = false;
    RecordLayout layout;  // plane positions are set for the plain tier only
  };

  // Maps the file, checks header page, identity and section sizes; touches nothing that grows with the
  // table. INVALID_ARGUMENT, DATA_LOSS, UNIMPLEMENTED as DecodeShardHeader, annotated with the path.
  static absl::StatusOr<std::shared_ptr<const Shard>> Open(const std::string& path, FileSystem& files);

  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->size(); }
  absl::string_view bytes() const { return file_->bytes(); }
  const ShardHeader& header() const { return header_; }
  const Digest& header_digest() const { return header_digest_; }  // SHA-256 of the header page
  const TableHeader& table_header() const { return table_header_; }
  const std::vector<std::string>& domains() const { return domains_; }
  absl::string_view identity() const { return SectionBytes(SectionKind::kIdentity); }
  absl::string_view SectionBytes(SectionKind kind) const;

  // REQUIRES for all below: sample < num_samples, layer_group < num_layer_groups.
  SampleFacts facts(uint64_t sample) const;
  Digest leaf(uint64_t sample) const;
  // DATA_LOSS when offsets and length do not fit the file.
  absl::StatusOr<Record> record(uint64_t sample, uint32_t layer_group) const;
  // DATA_LOSS naming file and byte of the first block whose CRC is wrong.
  absl::Status CheckRecord(uint64_t sample, uint32_t layer_group, const Record& record) const;
  // Planes of a plain record. REQUIRES: tier plain, record from this shard.
  RouteView View(uint64_t sample, const Record& record) const;
  absl::Status ExpertCounts(uint64_t sample, uint32_t layer_group, std::vector<ExpertCount>* counts) const;
  absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t layer_group) const;
  // DATA_LOSS unless the section's CRC32C is right.
  absl::Status CheckSection(const Section& section) const;

 private:
  Shard() = default;
  absl::Status Damaged(absl::string_view what, uint64_t offset) const;

  std::shared_ptr<const MappedFile> file_;
  ShardHeader header_;
  Digest header_digest_;
  TableHeader table_header_;
  std::vector<std::string> domains_;
  const char* offsets_ = nullptr;
  const char* facts_ = nullptr;
  const char* leaves_ = nullptr;
  const char* count_offsets_ = nullptr;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_SHARD_H_
