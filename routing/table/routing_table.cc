#include "routing/table/routing_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/manifest.h"
#include "routing/table/shard.h"
#include "routing/table/statistics.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxManifestBytes = uint64_t{1} << 30;

class MappedRoutingTable : public RoutingTable {
 public:
  MappedRoutingTable(std::string path, Manifest manifest, std::vector<std::shared_ptr<const Shard>> shards)
      : path_(std::move(path)), manifest_(std::move(manifest)), shards_(std::move(shards)) {
    for (const ManifestShard& shard : manifest_.shards) {
      first_samples_.push_back(shard.first_sample);
      stored_bytes_ += shard.file_bytes;
    }
  }

  const std::string& path() const override { return path_; }
  const TableHeader& header() const override { return manifest_.header; }
  TableTier tier() const override { return manifest_.tier; }
  const Digest& content_digest() const override { return manifest_.content_digest; }
  bool token_crcs_known() const override { return manifest_.token_crcs_known; }
  const std::vector<std::string>& domains() const override { return manifest_.domains; }
  const std::vector<std::string>& provenance() const override { return manifest_.provenance; }
  uint64_t num_samples() const override { return manifest_.num_samples; }
  uint64_t num_tokens() const override { return manifest_.num_tokens; }
  uint64_t stored_bytes() const override { return stored_bytes_; }

  SampleFacts facts(uint64_t sample) const override {
    GROUTER_CHECK(sample < num_samples());
    const Shard& shard = ShardOf(&sample);
    return shard.facts(sample);
  }

  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t layer_group) const override {
    return Read(sample, layer_group, /*check=*/false);
  }
  absl::StatusOr<RouteView> CheckedRoutes(uint64_t sample, uint32_t layer_group) const override {
    return Read(sample, layer_group, /*check=*/true);
  }

  absl::Status ExpertCounts(uint64_t sample, uint32_t layer_group,
                            std::vector<ExpertCount>* counts) const override {
    GROUTER_RETURN_IF_ERROR(CheckPlace(sample, layer_group));
    const Shard& shard = ShardOf(&sample);
    return shard.ExpertCounts(sample, layer_group, counts);
  }

  absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t layer_group) const override {
    LayerGroupStatistics sum;
    sum.load.resize(header().num_experts);
    if (layer_group >= header().num_layer_groups) return CheckPlace(0, layer_group);
    for (const auto& shard : shards_) {
      GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics part, shard->Statistics(layer_group));
      MergeStatistics(part, &sum);
    }
    return sum;
  }

 private:
  // The shard holding *sample, which is then counted from the shard's first one.
  const Shard& ShardOf(uint64_t* sample) const {
    // Shards without samples share their first_sample with the next one: take the last.
    const size_t i =
        std::upper_bound(first_samples_.begin(), first_samples_.end(), *sample) - first_samples_.begin() - 1;
    *sample -= first_samples_[i];
    return *shards_[i];
  }

  absl::Status CheckPlace(uint64_t sample, uint32_t layer_group) const {
    if (layer_group >= header().num_layer_groups) {
      return Error(absl::StatusCode::kOutOfRange, absl::StrCat("there is no layer group ", layer_group),
                   path_, absl::StrCat("the table has ", header().num_layer_groups));
    }
    if (sample >= num_samples()) {
      return Error(absl::StatusCode::kOutOfRange, absl::StrCat("there is no sample ", sample), path_,
                   absl::StrCat("the table has ", num_samples()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RouteView> Read(uint64_t sample, uint32_t layer_group, bool check) const {
    GROUTER_RETURN_IF_ERROR(CheckPlace(sample, layer_group));
    if (tier() != TableTier::kPlain) {
      return Error(absl::StatusCode::kFailedPrecondition, "a packed table serves no routes", path_,
                   absl::StrCat("run `grouter table unpack ", path_, " --out FOLDER` first"));
    }
    const Shard& shard = ShardOf(&sample);
    GROUTER_ASSIGN_OR_RETURN(const Shard::Record record, shard.record(sample, layer_group));
    if (check) GROUTER_RETURN_IF_ERROR(shard.CheckRecord(sample, layer_group, record));
    return shard.View(sample, record);
  }

  const std::string path_;
  const Manifest manifest_;
  const std::vector<std::shared_ptr<const Shard>> shards_;
  std::vector<uint64_t> first_samples_;
  uint64_t stored_bytes_ = 0;
};

}  // namespace

RouteView RouteView::Slice(uint32_t first, uint32_t count) const {
  GROUTER_CHECK(first <= num_tokens && count <= num_tokens - first);
  RouteView slice = *this;
  const size_t id_stride = size_t{k} * id_width;
  const size_t weight_stride = weights.empty() ? 0 : size_t{k} * WeightBytes(weight_type);
  slice.num_tokens = count;
  slice.ids = ids.substr(first * id_stride, count * id_stride);
  slice.weights = weights.substr(first * weight_stride, count * weight_stride);
  if (!num_topk.empty()) slice.num_topk = num_topk.substr(first, count);
  if (!missing.empty()) {
    const uint64_t bit = uint64_t{first_bit} + first;
    slice.missing = missing.substr(bit / 8, (bit % 8 + count + 7) / 8);
    slice.first_bit = bit % 8;
  }
  return slice;
}

absl::StatusOr<std::shared_ptr<const RoutingTable>> RoutingTable::Open(const std::string& path,
                                                                       FileSystem& files) {
  const std::string manifest_path = JoinPath(path, kManifestName);
  absl::StatusOr<std::string> bytes = files.ReadFile(manifest_path, kMaxManifestBytes);
  if (!bytes.ok()) return Annotate(bytes.status(), "no complete routing table here");
  absl::StatusOr<Manifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) return Annotate(manifest.status(), manifest_path);
  const std::string identity = EncodeIdentity(manifest->header, manifest->domains);
  std::vector<std::shared_ptr<const Shard>> shards;
  for (const ManifestShard& entry : manifest->shards) {
    GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const Shard> shard,
                             Shard::Open(JoinPath(path, entry.name), files));
    const ShardHeader& h = shard->header();
    if (shard->header_digest() != entry.header_digest || shard->file_bytes() != entry.file_bytes ||
        shard->identity() != identity || h.tier != manifest->tier || h.first_sample != entry.first_sample ||
        h.num_samples != entry.num_samples || h.num_tokens != entry.num_tokens) {
      return Error(absl::StatusCode::kDataLoss, "the shard is not the one its manifest names",
                   absl::StrCat(shard->path(), " at byte 0"),
                   "merge the shards again with `grouter table merge`");
    }
    shards.push_back(std::move(shard));
  }
  return std::shared_ptr<const RoutingTable>(
      new MappedRoutingTable(path, *std::move(manifest), std::move(shards)));
}

}  // namespace grouter
