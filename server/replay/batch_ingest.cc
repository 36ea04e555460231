#include "server/replay/batch_ingest.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/codec.h"
#include "proto/status.h"
#include "routing/table/assemble.h"
#include "routing/table/format.h"

namespace grouter {
namespace {

uint32_t BytesOfId(v1::CapturedIds type) {
  return type == v1::CAPTURED_IDS_UINT8 ? 1 : type == v1::CAPTURED_IDS_UINT16 ? 2 : 4;
}

absl::Status CheckShape(const v1::ReplayShape& shape) {
  std::vector<FieldViolation> wrong;
  if (shape.num_experts() < kMinExperts || shape.num_experts() > kMaxExperts) {
    wrong.push_back({"open.shape.num_experts", absl::StrCat("must be 2 to ", kMaxExperts)});
  }
  if (shape.k() == 0 || shape.k() > kMaxK || shape.k() > shape.num_experts()) {
    wrong.push_back({"open.shape.k", absl::StrCat("must be 1 to ", kMaxK, " and at most num_experts")});
  }
  if (shape.num_layer_groups() == 0 || shape.num_layer_groups() > kMaxLayerGroups) {
    wrong.push_back({"open.shape.num_layer_groups", absl::StrCat("must be 1 to ", kMaxLayerGroups)});
  }
  if (shape.ids() == v1::CAPTURED_IDS_UNSPECIFIED || !v1::CapturedIds_IsValid(shape.ids())) {
    wrong.push_back({"open.shape.ids", "must say how ids are written"});
  }
  if (shape.lengths().empty()) wrong.push_back({"open.shape.lengths", "must have a length for each sample"});
  const uint64_t token_bytes = uint64_t{shape.num_layer_groups()} * shape.k() * 6;
  for (int s = 0; s < shape.lengths_size() && wrong.empty(); ++s) {
    if (shape.lengths(s) == 0 || shape.lengths(s) * token_bytes > kMaxReplaySampleBytes) {
      wrong.push_back({absl::StrCat("open.shape.lengths[", s, "]"),
                       absl::StrCat("must be 1 to ", kMaxReplaySampleBytes / token_bytes, " tokens")});
    }
  }
  return wrong.empty() ? absl::OkStatus() : BadRequest(wrong);
}

absl::StatusOr<TableHeader> HeaderOf(const v1::ReplayShape& shape) {
  TableHeader header;
  header.num_experts = shape.num_experts();
  header.k = shape.k();
  header.per_token_k = shape.per_token_k();
  header.num_layer_groups = shape.num_layer_groups();
  header.id_width = shape.num_experts() <= 256 ? 1 : 2;
  header.weight_type = shape.has_weights() ? WeightType::kFloat32 : WeightType::kNone;
  header.causality = Causality::kCaptured;
  header.allow_generation_capture = shape.autoregressive();
  if (!shape.tokenizer_digest().empty()) {
    GROUTER_ASSIGN_OR_RETURN(header.tokenizer_digest,
                             DigestFromWire(shape.tokenizer_digest(), "open.shape.tokenizer_digest"));
  }
  if (!shape.router_digest().empty()) {
    GROUTER_ASSIGN_OR_RETURN(header.router_digest,
                             DigestFromWire(shape.router_digest(), "open.shape.router_digest"));
  }
  return header;
}

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

int64_t IdAt(const char* bytes, v1::CapturedIds type) {
  if (type == v1::CAPTURED_IDS_UINT8) return Load<uint8_t>(bytes);
  return type == v1::CAPTURED_IDS_UINT16 ? int64_t{Load<uint16_t>(bytes)} : int64_t{Load<int32_t>(bytes)};
}

MissingMarkers MarkersOf(const v1::ReplayShape& shape) {
  MissingMarkers markers;
  markers.value = shape.has_missing_id() ? int64_t{shape.missing_id()} : -1;
  return markers;
}

}  // namespace

BatchIngest::BatchIngest(const v1::ReplayShape& shape, const TableHeader& header, FileSystem& files)
    : files_(files),
      ids_type_(shape.ids()),
      lengths_(shape.lengths().begin(), shape.lengths().end()),
      k_(shape.k()),
      has_weights_(shape.has_weights()),
      token_ids_(MarkersOf(shape), shape.num_experts(), shape.per_token_k()),
      buffers_(shape.num_layer_groups(), RouteBuffer(header, lengths_.front())) {}

absl::StatusOr<std::unique_ptr<BatchIngest>> BatchIngest::Begin(const v1::IngestOpen& open,
                                                                ReplayStore* store, FileSystem& files) {
  const v1::ReplayShape& shape = open.shape();
  GROUTER_RETURN_IF_ERROR(CheckShape(shape));
  TableBuilderOptions build;
  GROUTER_ASSIGN_OR_RETURN(build.header, HeaderOf(shape));
  GROUTER_ASSIGN_OR_RETURN(
      build.index, SampleIndex::FromLengths({shape.lengths().data(), size_t(shape.lengths_size())}, {}));
  const uint64_t token_bytes = uint64_t{shape.num_layer_groups()} * shape.k() *
                               (build.header.id_width + WeightBytes(build.header.weight_type));
  GROUTER_ASSIGN_OR_RETURN(
      std::unique_ptr<ReplayStore::Claim> claim,
      store->Begin({open.series(), open.batch()}, build.index->num_tokens() * token_bytes));
  std::unique_ptr<BatchIngest> ingest(new BatchIngest(shape, build.header, files));
  ingest->store_ = store;
  ingest->claim_ = std::move(claim);
  build.path = ingest->claim_->folder();
  GROUTER_RETURN_IF_ERROR(build.index->Save(JoinPath(build.path, "sample_index"), files));
  GROUTER_ASSIGN_OR_RETURN(ingest->builder_, TableBuilder::Create(build, files));
  return ingest;
}

absl::Status BatchIngest::FinishSample() {
  std::vector<RouteView> views;
  for (RouteBuffer& buffer : buffers_) {
    for (uint32_t t = next_token_; t < lengths_[sample_]; ++t) buffer.SetMissing(t);
    views.push_back(buffer.view());
  }
  GROUTER_RETURN_IF_ERROR(builder_->AddSample(views));
  ++sample_;
  next_token_ = 0;
  touched_ = false;
  if (sample_ < lengths_.size()) {
    for (RouteBuffer& buffer : buffers_) buffer.Reset(lengths_[sample_]);
  }
  return absl::OkStatus();
}

absl::Status BatchIngest::Add(const v1::CapturedRoutes& routes) {
  if (touched_ && routes.sample() == sample_ + 1) GROUTER_RETURN_IF_ERROR(FinishSample());
  const auto wrong = [&](const char* field, const std::string& problem) {
    return BadRequest({{absl::StrCat("routes(sample ", routes.sample(), ").", field), problem}});
  };
  if (sample_ >= lengths_.size() || routes.sample() != sample_) {
    return wrong("sample", absl::StrCat("samples come in order; sample ", sample_, " of ", lengths_.size(),
                                        " is next"));
  }
  const uint64_t end = uint64_t{routes.first_token()} + routes.num_tokens();
  if (routes.first_token() < next_token_ || end > lengths_[sample_]) {
    return wrong("first_token", absl::StrCat("tokens ", routes.first_token(), " to ", end, " do not lie in ",
                                             next_token_, " to ", lengths_[sample_]));
  }
  const uint64_t slots = uint64_t{routes.num_tokens()} * buffers_.size() * k_;
  if (routes.ids().size() != slots * BytesOfId(ids_type_)) {
    return wrong("ids", absl::StrCat(routes.ids().size(), " bytes, not ", slots * BytesOfId(ids_type_)));
  }
  if (routes.weights().size() != (has_weights_ ? slots * sizeof(float) : 0)) {
    return wrong("weights", absl::StrCat(routes.weights().size(), " bytes, not ",
                                         has_weights_ ? slots * sizeof(float) : 0));
  }
  touched_ = true;
  const char* id = routes.ids().data();
  const char* weight = routes.weights().data();
  int64_t ids[kMaxK];
  for (; next_token_ < routes.first_token(); ++next_token_) {
    for (RouteBuffer& buffer : buffers_) buffer.SetMissing(next_token_);
  }
  for (; next_token_ < end; ++next_token_) {
    for (RouteBuffer& buffer : buffers_) {
      for (uint32_t i = 0; i < k_; ++i, id += BytesOfId(ids_type_)) ids[i] = IdAt(id, ids_type_);
      const absl::Status put = token_ids_.Put(ids, k_, next_token_, &buffer);
      if (!put.ok()) return wrong("ids", std::string(put.message()));
      for (uint32_t i = 0; has_weights_ && i < k_; ++i, weight += sizeof(float)) {
        buffer.SetWeight(next_token_, i, Load<float>(weight));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SealOutcome> BatchIngest::Seal() {
  if (touched_) GROUTER_RETURN_IF_ERROR(FinishSample());
  if (sample_ < lengths_.size()) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("no routes of samples ", sample_, " to ", lengths_.size() - 1, " came"),
                 absl::StrCat("series ", claim_->key().series, ", batch ", claim_->key().batch),
                 "Send at least one message for each sample.");
  }
  GROUTER_RETURN_IF_ERROR(builder_->Finish().status());
  builder_.reset();
  const std::vector<std::string> provenance = {
      "imported from: replay", absl::StrCat("series: ", claim_->key().series),
      absl::StrCat("batch: ", claim_->key().batch), store_->SealedLine()};
  GROUTER_RETURN_IF_ERROR(FinishTable(claim_->folder(), provenance, files_).status());
  return store_->Seal(std::move(claim_));
}

v1::ReplayBatch DescribeBatch(const SealedBatch& batch, const RoutingTable* table, int64_t now_unix_ms) {
  v1::ReplayBatch wire;
  wire.set_series(batch.key.series);
  wire.set_batch(batch.key.batch);
  wire.set_table_digest(batch.table.Hex());
  wire.set_stored_bytes(batch.stored_bytes);
  wire.set_age_seconds(std::max<int64_t>(0, now_unix_ms - batch.sealed_unix_ms) * 1e-3);
  if (table == nullptr) return wire;
  wire.set_num_experts(table->header().num_experts);
  wire.set_k(table->header().k);
  wire.set_num_layer_groups(table->header().num_layer_groups);
  wire.set_num_samples(table->num_samples());
  wire.set_num_tokens(table->num_tokens());
  return wire;
}

}  // namespace grouter
