#include "routing/table/packed/rewrite_shard.h"

#include <cstring>
#include <vector>

#include "io/error.h"
#include "routing/table/format.h"

namespace grouter {
namespace {

constexpr uint64_t kWriteBytes = 4 << 20;

// Appends in large pieces and knows where it is.
class Output {
 public:
  explicit Output(AtomicFile* file) : file_(*file) {}
  uint64_t offset() const { return offset_; }
  absl::Status Append(absl::string_view bytes) {
    offset_ += bytes.size();
    buffer_.append(bytes.data(), bytes.size());
    return buffer_.size() < kWriteBytes ? absl::OkStatus() : Flush();
  }
  absl::Status Align() { return Append(std::string(AlignUp8(offset_) - offset_, 0)); }
  absl::Status Flush() {
    const absl::Status written = file_.Append(buffer_);
    buffer_.clear();
    return written;
  }

 private:
  AtomicFile& file_;
  std::string buffer_;
  uint64_t offset_ = 0;
};

absl::Status AppendRecord(uint64_t sample, uint32_t group, absl::string_view payload, Output* out) {
  GROUTER_CHECK(payload.size() % 8 == 0);
  const RecordLayout layout = LayoutCodedRecord(payload.size());
  GROUTER_RETURN_IF_ERROR(out->Append(payload));
  std::string crcs;
  for (uint64_t block = 0; block < layout.num_blocks; ++block) {
    const uint32_t crc = BlockCrc(sample, group, block, payload.substr(block * kBlockBytes, kBlockBytes));
    crcs.append(reinterpret_cast<const char*>(&crc), 4);
  }
  crcs.resize(layout.bytes - payload.size());
  return out->Append(crcs);
}

}  // namespace

absl::Status RewriteShard(const Shard& from, const ShardRewrite& rewrite, const std::string& path,
                          FileSystem& files) {
  const ShardHeader& old = from.header();
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, path));
  Output out(&file);
  GROUTER_RETURN_IF_ERROR(out.Append(std::string(kHeaderPageBytes, 0)));
  std::vector<uint64_t> offsets;
  std::string leaves;
  for (uint64_t s = 0; s < old.num_samples; ++s) {
    for (uint32_t g = 0; g < from.table_header().num_layer_groups; ++g) {
      GROUTER_ASSIGN_OR_RETURN(const Shard::Record record, from.record(s, g));
      offsets.push_back(out.offset() | (record.has_missing ? kOffsetHasMissing : 0));
      GROUTER_ASSIGN_OR_RETURN(const absl::string_view payload, rewrite.payload(s, g));
      GROUTER_RETURN_IF_ERROR(AppendRecord(old.first_sample + s, g, payload, &out));
    }
    GROUTER_ASSIGN_OR_RETURN(const Digest leaf, rewrite.leaf(s));
    leaves.append(reinterpret_cast<const char*>(leaf.bytes.data()), leaf.bytes.size());
  }
  offsets.push_back(out.offset());

  ShardHeader header = old;
  header.format_major = kTableFormatMajor;
  header.format_minor = kTableFormatMinor;
  header.tier = rewrite.tier;
  header.sections.clear();
  header.sections.push_back({SectionKind::kRoutes, 0, kHeaderPageBytes, out.offset() - kHeaderPageBytes});
  const absl::string_view offset_bytes(reinterpret_cast<const char*>(offsets.data()), 8 * offsets.size());
  const std::pair<SectionKind, absl::string_view> sections[] = {
      {SectionKind::kIdentity, rewrite.identity},
      {SectionKind::kOffsets, offset_bytes},
      {SectionKind::kLeaves, leaves},
      {SectionKind::kFacts, from.SectionBytes(SectionKind::kFacts)},
      {SectionKind::kCountOffsets, from.SectionBytes(SectionKind::kCountOffsets)},
      {SectionKind::kCounts, from.SectionBytes(SectionKind::kCounts)},
      {SectionKind::kStatistics, from.SectionBytes(SectionKind::kStatistics)},
      {SectionKind::kCodec, rewrite.codec},
  };
  for (const auto& [kind, bytes] : sections) {
    if (kind == SectionKind::kCodec && bytes.empty()) continue;
    const Section* section = old.Find(kind);
    if (section != nullptr) GROUTER_RETURN_IF_ERROR(from.CheckSection(*section));
    header.sections.push_back({kind, Crc32c(bytes), out.offset(), bytes.size()});
    GROUTER_RETURN_IF_ERROR(out.Append(bytes));
    GROUTER_RETURN_IF_ERROR(out.Align());
  }
  GROUTER_RETURN_IF_ERROR(out.Flush());
  GROUTER_RETURN_IF_ERROR(file.file().WriteAt(0, EncodeShardHeader(header)));
  return file.Commit();
}

}  // namespace grouter
