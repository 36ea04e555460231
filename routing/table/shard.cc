#include "routing/table/shard.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "routing/table/manifest.h"
#include "routing/table/statistics.h"

namespace grouter {
namespace {

uint64_t LoadU64(const char* p, uint64_t i) {
  uint64_t value;
  std::memcpy(&value, p + 8 * i, 8);
  return value;
}

}  // namespace

absl::Status Shard::Damaged(absl::string_view what, uint64_t offset) const {
  return Error(absl::StatusCode::kDataLoss, what, absl::StrCat(path(), " at byte ", offset),
               "run `grouter table verify`, then write this shard again");
}

absl::StatusOr<std::shared_ptr<const Shard>> Shard::Open(const std::string& path, FileSystem& files) {
  std::shared_ptr<Shard> shard(new Shard);
  GROUTER_ASSIGN_OR_RETURN(shard->file_, files.Map(path));
  const absl::string_view bytes = shard->file_->bytes();
  absl::StatusOr<ShardHeader> header = DecodeShardHeader(bytes.substr(0, kHeaderPageBytes), bytes.size());
  if (!header.ok()) return Annotate(header.status(), path);
  shard->header_ = *std::move(header);
  shard->header_digest_ = Sha256(bytes.substr(0, kHeaderPageBytes));
  const ShardHeader& h = shard->header_;
  GROUTER_RETURN_IF_ERROR(shard->CheckSection(*h.Find(SectionKind::kIdentity)));
  const absl::Status identity = DecodeIdentity(shard->identity(), &shard->table_header_, &shard->domains_);
  if (!identity.ok()) return Annotate(identity, path);

  const uint64_t records = h.num_samples * shard->table_header_.num_layer_groups;
  auto expect = [&](SectionKind kind, uint64_t want) -> absl::Status {
    const Section& section = *h.Find(kind);
    if (section.bytes == want) return absl::OkStatus();
    return shard->Damaged(absl::StrCat("section ", static_cast<uint32_t>(kind), " has ", section.bytes,
                                       " bytes, ", want, " expected"),
                          section.offset);
  };
  if (h.num_samples > bytes.size() / 8 || records > bytes.size() / 8) {
    return shard->Damaged("absurd sample count", 32);
  }
  GROUTER_RETURN_IF_ERROR(expect(SectionKind::kOffsets, 8 * (records + 1)));
  GROUTER_RETURN_IF_ERROR(expect(SectionKind::kLeaves, 32 * h.num_samples));
  GROUTER_RETURN_IF_ERROR(expect(SectionKind::kFacts, kFactsBytes * h.num_samples));
  GROUTER_RETURN_IF_ERROR(expect(SectionKind::kCountOffsets, 8 * (records + 1)));
  if (h.Find(SectionKind::kStatistics)->bytes < 8 * (uint64_t{shard->table_header_.num_layer_groups} + 1)) {
    return shard->Damaged("the statistics section is cut short", h.Find(SectionKind::kStatistics)->offset);
  }
  shard->offsets_ = shard->SectionBytes(SectionKind::kOffsets).data();
  shard->facts_ = shard->SectionBytes(SectionKind::kFacts).data();
  shard->leaves_ = shard->SectionBytes(SectionKind::kLeaves).data();
  shard->count_offsets_ = shard->SectionBytes(SectionKind::kCountOffsets).data();
  return std::shared_ptr<const Shard>(std::move(shard));
}

absl::string_view Shard::SectionBytes(SectionKind kind) const {
  const Section* section = header_.Find(kind);
  return section == nullptr ? absl::string_view() : bytes().substr(section->offset, section->bytes);
}

SampleFacts Shard::facts(uint64_t sample) const {
  uint32_t words[6];
  std::memcpy(words, facts_ + kFactsBytes * sample, sizeof(words));
  SampleFacts facts;
  facts.length = words[0];
  facts.num_loss_tokens = words[1];
  facts.domain = words[2];
  facts.split = words[3];
  facts.token_crc32c = words[4];
  facts.num_missing = words[5];
  return facts;
}

Digest Shard::leaf(uint64_t sample) const {
  Digest digest;
  std::memcpy(digest.bytes.data(), leaves_ + 32 * sample, 32);
  return digest;
}

absl::StatusOr<Shard::Record> Shard::record(uint64_t sample, uint32_t layer_group) const {
  const uint64_t i = sample * table_header_.num_layer_groups + layer_group;
  const uint64_t word = LoadU64(offsets_, i);
  const uint64_t end = LoadU64(offsets_, i + 1) & ~kOffsetFlags;
  const Section& routes = *header_.Find(SectionKind::kRoutes);
  Record record;
  record.offset = word & ~kOffsetFlags;
  record.has_missing = (word & kOffsetHasMissing) != 0;
  const uint64_t entry = header_.Find(SectionKind::kOffsets)->offset + 8 * i;
  if (record.offset < routes.offset || end < record.offset || end > routes.offset + routes.bytes) {
    return Damaged("a record's offset does not lie among the routes", entry);
  }
  if (header_.tier == TableTier::kPlain) {
    const uint32_t length = facts(sample).length;
    if (length > kMaxSampleTokens) return Damaged("absurd sample length", entry);
    record.layout = LayoutRecord(table_header_, length, record.has_missing);
  } else {
    // payload + 4 * ceil(payload / kBlockBytes), rounded up to 8, grows by 8 or more with each 8 bytes of
    // payload, so the payload follows from the record's size.
    const uint64_t bytes = end - record.offset;
    uint64_t payload = bytes - bytes / (kBlockBytes + 4) * 4;
    while (payload > 0 && LayoutCodedRecord(payload).bytes > bytes) payload -= 4;
    record.layout = LayoutCodedRecord(payload & ~uint64_t{7});
  }
  if (record.layout.bytes != end - record.offset) {
    return Damaged("a record's size does not fit its sample's length", entry);
  }
  const RecordLayout& layout = record.layout;
  const absl::string_view all = bytes().substr(record.offset, layout.bytes);
  record.payload = all.substr(0, layout.payload_bytes);
  record.crcs = all.substr(layout.payload_bytes, 4 * layout.num_blocks);
  record.gap = all.substr(layout.payload_bytes + 4 * layout.num_blocks);
  return record;
}

absl::Status Shard::CheckRecord(uint64_t sample, uint32_t layer_group, const Record& record) const {
  for (uint64_t block = 0; block < record.layout.num_blocks; ++block) {
    uint32_t stored;
    std::memcpy(&stored, record.crcs.data() + 4 * block, 4);
    const absl::string_view bytes = record.payload.substr(block * kBlockBytes, kBlockBytes);
    if (BlockCrc(header_.first_sample + sample, layer_group, block, bytes) != stored) {
      return Damaged(absl::StrCat("wrong checksum in the routes of sample ", header_.first_sample + sample,
                                  ", layer group ", layer_group),
                     record.offset + block * kBlockBytes);
    }
  }
  return absl::OkStatus();
}

RouteView Shard::View(uint64_t sample, const Record& record) const {
  RouteView view;
  view.num_tokens = facts(sample).length;
  view.k = table_header_.k;
  view.id_width = table_header_.id_width;
  view.weight_type = table_header_.weight_type;
  const RecordLayout& layout = record.layout;
  view.ids = record.payload.substr(0, layout.ids_bytes);
  view.weights = record.payload.substr(layout.weights, layout.weights_bytes);
  view.num_topk = record.payload.substr(layout.num_topk, layout.num_topk_bytes);
  view.missing = record.payload.substr(layout.missing, layout.missing_bytes);
  return view;
}

absl::Status Shard::ExpertCounts(uint64_t sample, uint32_t layer_group,
                                 std::vector<ExpertCount>* counts) const {
  const uint64_t i = sample * table_header_.num_layer_groups + layer_group;
  const uint64_t begin = LoadU64(count_offsets_, i);
  const uint64_t end = LoadU64(count_offsets_, i + 1);
  const absl::string_view all = SectionBytes(SectionKind::kCounts);
  counts->clear();
  if (begin > end || end > all.size()) {
    return Damaged("the offset of a sample's expert counts is damaged",
                   header_.Find(SectionKind::kCountOffsets)->offset + 8 * i);
  }
  return Annotate(DecodeExpertCounts(all.substr(begin, end - begin), table_header_.num_experts, counts),
                  path());
}

absl::StatusOr<LayerGroupStatistics> Shard::Statistics(uint32_t layer_group) const {
  const absl::string_view all = SectionBytes(SectionKind::kStatistics);
  const uint64_t begin = LoadU64(all.data(), layer_group);
  const uint64_t end = LoadU64(all.data(), layer_group + 1);
  if (begin > end || end > all.size()) {
    return Damaged("the offset of a layer group's statistics is damaged",
                   header_.Find(SectionKind::kStatistics)->offset + 8 * layer_group);
  }
  absl::StatusOr<LayerGroupStatistics> statistics =
      DecodeStatistics(all.substr(begin, end - begin), table_header_.num_experts);
  if (!statistics.ok()) return Annotate(statistics.status(), path());
  return statistics;
}

absl::Status Shard::CheckSection(const Section& section) const {
  if (section.kind == SectionKind::kRoutes) return absl::OkStatus();
  if (Crc32c(bytes().substr(section.offset, section.bytes)) == section.crc32c) return absl::OkStatus();
  return Damaged(absl::StrCat("wrong checksum in section ", static_cast<uint32_t>(section.kind)),
                 section.offset);
}

}  // namespace grouter
