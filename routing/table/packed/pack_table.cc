#include "routing/table/packed/pack_table.h"

#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/content.h"
#include "routing/table/manifest.h"
#include "routing/table/packed/learn_codec.h"
#include "routing/table/packed/lossy_weights.h"
#include "routing/table/packed/rewrite_shard.h"

namespace grouter {
namespace {

absl::StatusOr<Manifest> ReadManifest(const std::string& path, FileSystem& files) {
  absl::StatusOr<std::string> bytes = files.ReadFile(JoinPath(path, kManifestName));
  if (!bytes.ok()) return Annotate(bytes.status(), "no complete routing table here");
  absl::StatusOr<Manifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) return Annotate(manifest.status(), path);
  return manifest;
}

// What a killed writer of the same shard left.
absl::Status RemoveStale(const std::string& folder, const std::string& name, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder));
  for (const std::string& stale : names) {
    if (absl::StartsWith(stale, name + ".tmp."))
      GROUTER_RETURN_IF_ERROR(files.Remove(JoinPath(folder, stale)));
  }
  return absl::OkStatus();
}

// A shard of the wanted tier and identity with the same samples is there already.
bool IsWritten(const Shard& from, TableTier tier, const std::string& identity, bool same_leaves,
               const std::string& path, FileSystem& files) {
  if (!files.Exists(path)) return false;
  const auto there = Shard::Open(path, files);
  return there.ok() && (*there)->header().tier == tier && (*there)->identity() == identity &&
         (!same_leaves ||
          (*there)->SectionBytes(SectionKind::kLeaves) == from.SectionBytes(SectionKind::kLeaves));
}

// A plain shard's records, weights rounded when asked for.
class ShardSource : public RecordSource {
 public:
  ShardSource(const Shard& shard, const TableHeader& header, const TokenFiles& tokens,
              const WeightRounding* rounding)
      : shard_(shard), header_(header), tokens_(tokens), rounding_(rounding) {}

  const TableHeader& header() const override { return header_; }
  uint64_t num_samples() const override { return shard_.header().num_samples; }
  uint64_t num_tokens() const override { return shard_.header().num_tokens; }
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t group) override {
    GROUTER_ASSIGN_OR_RETURN(const Shard::Record record, shard_.record(sample, group));
    GROUTER_RETURN_IF_ERROR(shard_.CheckRecord(sample, group, record));
    RouteView view = shard_.View(sample, record);
    if (rounding_ != nullptr) {
      rounded_ = rounding_->Round(view);
      view.weights = rounded_;
    }
    return view;
  }
  absl::StatusOr<absl::Span<const uint32_t>> Tokens(uint64_t sample) override {
    if (tokens_.empty()) return absl::Span<const uint32_t>();
    if (sample != sample_) {
      sample_ = UINT64_MAX;
      const uint64_t in_table = shard_.header().first_sample + sample;
      if (in_table >= tokens_.index->num_samples()) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("the sample index has no sample ", in_table), shard_.path(),
                     "give the index that the table names");
      }
      GROUTER_RETURN_IF_ERROR(ReadSampleTokens(*tokens_.dataset, *tokens_.index, in_table, &sample_tokens_));
      if (sample_tokens_.tokens.size() != shard_.facts(sample).length) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("sample ", in_table, " has another length in the sample index"),
                     shard_.path(), "run `grouter table verify --index`");
      }
      sample_ = sample;
    }
    return absl::Span<const uint32_t>(sample_tokens_.tokens);
  }
  std::unique_ptr<RecordSource> Another() const override {
    return std::make_unique<ShardSource>(shard_, header_, tokens_, rounding_);
  }

 private:
  const Shard& shard_;
  const TableHeader& header_;
  const TokenFiles& tokens_;
  const WeightRounding* const rounding_;
  std::string rounded_;
  uint64_t sample_ = UINT64_MAX;
  SampleTokens sample_tokens_;
};

// Packed records from plain ones. The leaf is made anew where weights were rounded.
class PackedMaker : public RecordMaker {
 public:
  PackedMaker(const Shard& shard, const TableHeader& header, const TokenFiles& tokens,
              const WeightRounding* rounding, const RouteCodec& codec)
      : shard_(shard), codec_(codec), lossy_(rounding != nullptr), source_(shard, header, tokens, rounding) {}

  absl::StatusOr<Digest> Make(uint64_t sample, std::vector<std::string>* payloads) override {
    const uint32_t groups = static_cast<uint32_t>(payloads->size());
    std::vector<RouteView> views(groups);
    std::vector<std::string> rounded(lossy_ ? groups : 0);
    for (uint32_t g = 0; g < groups; ++g) {
      GROUTER_ASSIGN_OR_RETURN(views[g], source_.Routes(sample, g));
      GROUTER_ASSIGN_OR_RETURN(const absl::Span<const uint32_t> tokens, source_.Tokens(sample));
      GROUTER_ASSIGN_OR_RETURN((*payloads)[g], codec_.EncodeRecord(g, tokens, views[g]));
      if (!lossy_) continue;
      rounded[g] = std::string(views[g].weights);
      views[g].weights = rounded[g];
    }
    return lossy_ ? SampleLeaf(shard_.facts(sample).length, views) : shard_.leaf(sample);
  }

 private:
  const Shard& shard_;
  const RouteCodec& codec_;
  const bool lossy_;
  ShardSource source_;
};

// Plain records from packed ones, each sample compared with its leaf.
class PlainMaker : public RecordMaker {
 public:
  explicit PlainMaker(std::unique_ptr<PackedShardReader> reader) : reader_(std::move(reader)) {}

  absl::StatusOr<Digest> Make(uint64_t sample, std::vector<std::string>* payloads) override {
    const Shard& shard = reader_->shard();
    std::vector<RouteView> views(payloads->size());
    for (uint32_t g = 0; g < views.size(); ++g) {
      GROUTER_ASSIGN_OR_RETURN(views[g], reader_->Read(sample, g));
    }
    const Digest leaf = SampleLeaf(shard.facts(sample).length, views);
    if (leaf != shard.leaf(sample)) {
      return Error(
          absl::StatusCode::kDataLoss,
          absl::StrCat("sample ", shard.header().first_sample + sample, " does not decode to its routes"),
          shard.path(), "run `grouter table verify`, then pack the table again");
    }
    for (uint32_t g = 0; g < views.size(); ++g) (*payloads)[g] = std::string(reader_->plain(g));
    return leaf;
  }

 private:
  const std::unique_ptr<PackedShardReader> reader_;
};

}  // namespace

absl::StatusOr<PackReport> PackTable(const std::string& path, const PackOptions& o, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(path, files));
  if (manifest.tier != TableTier::kPlain) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table is packed already", path,
                 "give a plain table");
  }
  const bool lossy = o.max_weight_error != 0;
  if (lossy && (!(o.max_weight_error > 0 && o.max_weight_error < 0.5) ||
                manifest.header.weight_type == WeightType::kNone)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "the error bound is not in (0, 0.5), or the table has no weights", "max_weight_error",
                 "give 0.022 for 2.2 %, or 0 for a lossless table");
  }
  Digest dataset;
  if (!o.tokens.empty()) {
    dataset = o.tokens.index->dataset_digest();
    if (dataset.IsZero()) {
      return Error(absl::StatusCode::kFailedPrecondition, "the sample index names no token file", "index",
                   "leave the tokens out for a context-free code");
    }
    GROUTER_RETURN_IF_ERROR(CheckTokenFiles(o.tokens, manifest.header.sample_index_digest, dataset));
  }
  TableHeader header = manifest.header;
  if (lossy) header.parent_digest = manifest.content_digest;
  const std::string identity = EncodeIdentity(header, manifest.domains);
  std::unique_ptr<WeightRounding> rounding;
  if (lossy) rounding = std::make_unique<WeightRounding>(header.weight_type, o.max_weight_error);

  GROUTER_RETURN_IF_ERROR(files.MakeFolders(o.output));
  PackReport report;
  report.num_tokens = manifest.num_tokens;
  report.num_routes = manifest.num_tokens * header.num_layer_groups;
  const uint64_t records = manifest.num_samples * header.num_layer_groups;
  uint64_t before = 0;  // records of earlier shards
  for (const ManifestShard& entry : manifest.shards) {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const Shard> shard,
                             Shard::Open(JoinPath(path, entry.name), files));
    const std::string to = JoinPath(o.output, entry.name);
    const uint64_t here = entry.num_samples * header.num_layer_groups;
    report.plain_bytes += entry.file_bytes;
    if (!IsWritten(*shard, TableTier::kPacked, identity, !lossy, to, files)) {
      GROUTER_RETURN_IF_ERROR(RemoveStale(o.output, entry.name, files));
      ShardSource source(*shard, header, o.tokens, rounding.get());
      LearnOptions learn;
      learn.dataset_digest = dataset;
      learn.sample_classes = o.sample_classes;
      learn.num_threads = o.num_threads;
      learn.progress = [&](uint64_t done, uint64_t) {
        if (o.progress) o.progress(2 * before + done, 2 * records);
      };
      GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const RouteCodec> codec, LearnCodec(learn, &source));
      ShardRewrite rewrite;
      rewrite.tier = TableTier::kPacked;
      rewrite.identity = identity;
      rewrite.codec = codec->Encode();
      rewrite.num_threads = o.num_threads;
      rewrite.maker = [&]() -> absl::StatusOr<std::unique_ptr<RecordMaker>> {
        return std::make_unique<PackedMaker>(*shard, header, o.tokens, rounding.get(), *codec);
      };
      rewrite.progress = [&](uint64_t samples) {
        if (o.progress) o.progress(2 * before + here + samples * header.num_layer_groups, 2 * records);
      };
      GROUTER_RETURN_IF_ERROR(RewriteShard(*shard, rewrite, to, files));
    }
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const Shard> packed, Shard::Open(to, files));
    report.packed_bytes += packed->file_bytes();
    report.code_bytes += packed->SectionBytes(SectionKind::kCodec).size();
    before += here;
  }
  std::vector<std::string> provenance = manifest.provenance;
  if (lossy) {
    provenance.push_back(absl::StrCat("weights rounded: largest relative error ", o.max_weight_error,
                                      ", parent ", manifest.content_digest.Hex()));
  }
  GROUTER_ASSIGN_OR_RETURN(report.content_digest, FinishTable(o.output, provenance, files));
  if (!lossy && report.content_digest != manifest.content_digest) {
    return Error(absl::StatusCode::kDataLoss, "the packed table has another digest", o.output,
                 "empty the folder and run again");
  }
  GROUTER_RETURN_IF_ERROR(KeepSampleIndex(path, o.output, files));
  return report;
}

absl::StatusOr<Digest> UnpackTable(const std::string& path, const std::string& output,
                                   const TokenFiles& tokens,
                                   const std::function<void(uint64_t done, uint64_t total)>& progress,
                                   FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(path, files));
  if (manifest.tier != TableTier::kPacked) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table is plain already", path,
                 "use it as it is");
  }
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(output));
  const std::string identity = EncodeIdentity(manifest.header, manifest.domains);
  uint64_t done = 0;
  for (const ManifestShard& entry : manifest.shards) {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const Shard> shard,
                             Shard::Open(JoinPath(path, entry.name), files));
    const std::string to = JoinPath(output, entry.name);
    if (IsWritten(*shard, TableTier::kPlain, identity, true, to, files)) {
      done += entry.num_samples;
      continue;
    }
    GROUTER_RETURN_IF_ERROR(RemoveStale(output, entry.name, files));
    GROUTER_ASSIGN_OR_RETURN(const std::unique_ptr<PackedShardReader> reader,
                             PackedShardReader::Open(shard, tokens));
    ShardRewrite rewrite;
    rewrite.tier = TableTier::kPlain;
    rewrite.identity = identity;
    rewrite.maker = [&]() -> absl::StatusOr<std::unique_ptr<RecordMaker>> {
      return std::make_unique<PlainMaker>(reader->Another());
    };
    rewrite.progress = [&](uint64_t samples) {
      if (progress) progress(done + samples, manifest.num_samples);
    };
    GROUTER_RETURN_IF_ERROR(RewriteShard(*shard, rewrite, to, files));
    done += entry.num_samples;
  }
  GROUTER_ASSIGN_OR_RETURN(const Digest digest, FinishTable(output, manifest.provenance, files));
  if (digest != manifest.content_digest) {
    return Error(absl::StatusCode::kDataLoss, "the plain table has another digest", output,
                 "empty the folder and run again");
  }
  GROUTER_RETURN_IF_ERROR(KeepSampleIndex(path, output, files));
  return digest;
}

}  // namespace grouter
