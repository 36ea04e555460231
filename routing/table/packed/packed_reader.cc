#include "routing/table/packed/packed_reader.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/manifest.h"

namespace grouter {
namespace {

absl::Status At(const Shard& shard, uint64_t offset, const absl::Status& status) {
  if (status.ok()) return status;
  return Error(absl::StatusCode::kDataLoss, status.message(), absl::StrCat(shard.path(), " at byte ", offset),
               "");
}

// Metadata from the packed table itself, routes decoded.
class DecodedTable : public RoutingTable {
 public:
  DecodedTable(std::shared_ptr<const RoutingTable> table,
               std::vector<std::unique_ptr<PackedShardReader>> shards)
      : table_(std::move(table)), shards_(std::move(shards)) {}

  const std::string& path() const override { return table_->path(); }
  const TableHeader& header() const override { return table_->header(); }
  TableTier tier() const override { return table_->tier(); }
  const Digest& content_digest() const override { return table_->content_digest(); }
  bool token_crcs_known() const override { return table_->token_crcs_known(); }
  const std::vector<std::string>& domains() const override { return table_->domains(); }
  const std::vector<std::string>& provenance() const override { return table_->provenance(); }
  uint64_t num_samples() const override { return table_->num_samples(); }
  uint64_t num_tokens() const override { return table_->num_tokens(); }
  uint64_t stored_bytes() const override { return table_->stored_bytes(); }
  SampleFacts facts(uint64_t sample) const override { return table_->facts(sample); }
  absl::Status ExpertCounts(uint64_t sample, uint32_t group,
                            std::vector<ExpertCount>* counts) const override {
    return table_->ExpertCounts(sample, group, counts);
  }
  absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t group) const override {
    return table_->Statistics(group);
  }
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t group) const override {
    return CheckedRoutes(sample, group);
  }
  absl::StatusOr<RouteView> CheckedRoutes(uint64_t sample, uint32_t group) const override {
    if (sample >= num_samples() || group >= header().num_layer_groups) {
      return Error(absl::StatusCode::kOutOfRange,
                   absl::StrCat("there is no sample ", sample, ", layer group ", group), path(),
                   "give one inside the table");
    }
    const auto after = std::upper_bound(
        shards_.begin(), shards_.end(), sample,
        [](uint64_t s, const auto& shard) { return s < shard->shard().header().first_sample; });
    PackedShardReader& shard = **(after - 1);
    return shard.Read(sample - shard.shard().header().first_sample, group);
  }

 private:
  const std::shared_ptr<const RoutingTable> table_;
  const std::vector<std::unique_ptr<PackedShardReader>> shards_;  // by first sample
};

}  // namespace

absl::Status CheckTokenFiles(const TokenFiles& tokens, const Digest& sample_index, const Digest& dataset) {
  if (tokens.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table decodes only beside its tokens",
                 absl::StrCat("token file ", dataset.ShortHex(), ", sample index ", sample_index.ShortHex()),
                 "give --tokens PREFIX and --index FILE");
  }
  if (tokens.index->digest() != sample_index || tokens.index->dataset_digest() != dataset) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "these are not the tokens that the table was packed beside",
                 absl::StrCat("token file ", dataset.ShortHex(), ", sample index ", sample_index.ShortHex()),
                 "give the files that these digests name");
  }
  return absl::OkStatus();
}

PackedShardReader::PackedShardReader(std::shared_ptr<const Shard> shard,
                                     std::shared_ptr<const RouteCodec> codec, TokenFiles tokens)
    : shard_(std::move(shard)),
      codec_(codec),
      tokens_(std::move(tokens)),
      decoder_(std::move(codec)),
      buffers_(shard_->table_header().num_layer_groups) {}

absl::StatusOr<std::unique_ptr<PackedShardReader>> PackedShardReader::Open(std::shared_ptr<const Shard> shard,
                                                                           const TokenFiles& tokens) {
  const Section* section = shard->header().Find(SectionKind::kCodec);
  if (shard->header().tier != TableTier::kPacked || section == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "not a packed shard", shard->path(),
                 "give a packed table");
  }
  GROUTER_RETURN_IF_ERROR(shard->CheckSection(*section));
  GROUTER_RETURN_IF_ERROR(shard->CheckSection(*shard->header().Find(SectionKind::kFacts)));
  absl::StatusOr<std::shared_ptr<const RouteCodec>> codec =
      RouteCodec::Decode(shard->table_header(), shard->SectionBytes(SectionKind::kCodec));
  if (!codec.ok()) {
    if (codec.status().code() == absl::StatusCode::kUnimplemented)
      return Annotate(codec.status(), shard->path());
    return At(*shard, section->offset, codec.status());
  }
  if ((*codec)->needs_tokens()) {
    GROUTER_RETURN_IF_ERROR(
        CheckTokenFiles(tokens, shard->table_header().sample_index_digest, (*codec)->dataset_digest()));
  }
  return std::unique_ptr<PackedShardReader>(
      new PackedShardReader(std::move(shard), *std::move(codec), tokens));
}

std::unique_ptr<PackedShardReader> PackedShardReader::Another() const {
  return std::unique_ptr<PackedShardReader>(new PackedShardReader(shard_, codec_, tokens_));
}

absl::StatusOr<RouteView> PackedShardReader::Read(uint64_t sample, uint32_t layer_group) {
  GROUTER_ASSIGN_OR_RETURN(Shard::Record record, shard_->record(sample, layer_group));
  GROUTER_RETURN_IF_ERROR(shard_->CheckRecord(sample, layer_group, record));
  const uint32_t length = shard_->facts(sample).length;
  if (length > kMaxSampleTokens || !RouteDecoder::IsPlausible(length, record.payload.size())) {
    return At(*shard_, record.offset,
              Error(absl::StatusCode::kDataLoss, "a record is too short for its sample"));
  }
  if (codec_->needs_tokens() && sample_ != sample) {
    sample_ = UINT64_MAX;
    const uint64_t in_table = shard_->header().first_sample + sample;
    if (in_table >= tokens_.index->num_samples()) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("the sample index has no sample ", in_table), shard_->path(),
                   "give the index that the table names");
    }
    GROUTER_RETURN_IF_ERROR(ReadSampleTokens(*tokens_.dataset, *tokens_.index, in_table, &sample_tokens_));
    sample_ = sample;
  }
  if (codec_->needs_tokens() && sample_tokens_.tokens.size() != length) {
    return At(*shard_, record.offset,
              Error(absl::StatusCode::kDataLoss, "the sample's length is not the index's"));
  }
  record.layout = LayoutRecord(shard_->table_header(), length, record.has_missing);
  std::string& plain = buffers_[layer_group];
  plain.resize(record.layout.payload_bytes);
  const absl::Status decoded = decoder_.Decode(
      layer_group, codec_->needs_tokens() ? sample_tokens_.tokens : absl::Span<const uint32_t>(), length,
      record.has_missing, record.payload, &plain[0]);
  if (!decoded.ok()) return At(*shard_, record.offset, decoded);
  record.payload = plain;
  return shard_->View(sample, record);
}

absl::StatusOr<std::shared_ptr<const RoutingTable>> OpenTableOfAnyTier(const std::string& path,
                                                                       const TokenFiles& tokens,
                                                                       FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const RoutingTable> table, RoutingTable::Open(path, files));
  if (table->tier() == TableTier::kPlain) return table;
  GROUTER_ASSIGN_OR_RETURN(const std::string bytes, files.ReadFile(JoinPath(path, kManifestName)));
  GROUTER_ASSIGN_OR_RETURN(const Manifest manifest, DecodeManifest(bytes));
  std::vector<std::unique_ptr<PackedShardReader>> shards;
  for (const ManifestShard& entry : manifest.shards) {
    GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const Shard> shard,
                             Shard::Open(JoinPath(path, entry.name), files));
    if (entry.num_samples == 0) continue;
    GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<PackedShardReader> reader,
                             PackedShardReader::Open(std::move(shard), tokens));
    shards.push_back(std::move(reader));
  }
  return std::shared_ptr<const RoutingTable>(
      std::make_shared<const DecodedTable>(std::move(table), std::move(shards)));
}

absl::StatusOr<VerifyReport> VerifyTableOfAnyTier(const std::string& path, VerifyOptions options,
                                                  const TokenFiles& tokens, FileSystem& files) {
  absl::Status refused;
  std::unique_ptr<PackedShardReader> reader;
  options.decode = [&](const std::shared_ptr<const Shard>& shard, uint64_t sample,
                       uint32_t group) -> absl::StatusOr<RouteView> {
    if (!refused.ok()) return refused;
    if (reader == nullptr || &reader->shard() != shard.get()) {
      absl::StatusOr<std::unique_ptr<PackedShardReader>> opened = PackedShardReader::Open(shard, tokens);
      if (!opened.ok() && opened.status().code() == absl::StatusCode::kFailedPrecondition)
        refused = opened.status();
      GROUTER_RETURN_IF_ERROR(opened.status());
      reader = *std::move(opened);
    }
    return reader->Read(sample, group);
  };
  const absl::StatusOr<VerifyReport> report = VerifyTable(path, options, files);
  GROUTER_RETURN_IF_ERROR(refused);
  return report;
}

}  // namespace grouter
