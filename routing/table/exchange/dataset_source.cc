#include "routing/table/exchange/dataset_source.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "data/indexed_dataset.h"
#include "io/error.h"
#include "routing/table/exchange/npy.h"

namespace grouter {
namespace {

absl::StatusOr<TensorType> TensorTypeOf(const IndexedDataset& dataset) {
  switch (dataset.type()) {
    case TokenType::kUint8:
      return TensorType::kU8;
    case TokenType::kInt8:
      return TensorType::kI8;
    case TokenType::kInt16:
      return TensorType::kI16;
    case TokenType::kInt32:
      return TensorType::kI32;
    case TokenType::kInt64:
      return TensorType::kI64;
    case TokenType::kUint16:
      return TensorType::kU16;
    case TokenType::kFloat32:
      return TensorType::kF32;
    case TokenType::kFloat64:
      break;
  }
  return Error(absl::StatusCode::kInvalidArgument, "the element type is not supported", dataset.prefix(),
               "give integers, or float32 weights");
}

class DatasetSource : public RouteSource {
 public:
  DatasetSource(const DatasetSourceOptions& options, std::shared_ptr<const IndexedDataset> ids,
                std::shared_ptr<const IndexedDataset> weights)
      : options_(options),
        token_ids_(options.markers, options.num_experts, options.per_token_k),
        ids_(std::move(ids)),
        weights_(std::move(weights)) {}

  absl::Status Init() {
    const uint64_t per_token = uint64_t{options_.num_layer_groups} * options_.k;
    if (options_.k < 1 || options_.k > 16 || options_.num_layer_groups < 1) {
      return Error(absl::StatusCode::kInvalidArgument, "k and the number of layer groups are needed",
                   ids_->prefix(), "give k (1 to 16) and the layer groups: .bin/.idx files do not say them");
    }
    GROUTER_ASSIGN_OR_RETURN(id_type_, TensorTypeOf(*ids_));
    if (id_type_ == TensorType::kF32) {
      return Error(absl::StatusCode::kInvalidArgument, "the ids are floats", ids_->prefix(),
                   "give the pair of ids first");
    }
    shape_.k = options_.k;
    shape_.num_layer_groups = options_.num_layer_groups;
    if (weights_ != nullptr) {
      shape_.weight_type = WeightType::kFloat32;
      if (weights_->type() != TokenType::kFloat32 || weights_->num_sequences() != ids_->num_sequences()) {
        return Error(absl::StatusCode::kInvalidArgument,
                     "the weights are not float32, or not as many sequences as the ids", weights_->prefix(),
                     "give the pair that belongs to the ids");
      }
    }
    for (uint64_t s = 0; s < ids_->num_sequences(); ++s) {
      const uint64_t elements = ids_->sequence_length(s);
      if (elements % per_token != 0 || (weights_ != nullptr && weights_->sequence_length(s) != elements)) {
        return Error(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("sequence ", s, " has ", elements, " elements, not a multiple of ",
                                  per_token, " (layer groups x k), or its weights differ"),
                     ids_->prefix(), "give the right k and number of layer groups");
      }
      shape_.lengths.push_back(static_cast<uint32_t>(elements / per_token));
    }
    return absl::OkStatus();
  }

  const RouteSourceShape& shape() const override { return shape_; }

  absl::StatusOr<int64_t> LargestId(const ScanProgress& progress) override {
    int64_t largest = -1;
    for (uint64_t s = 0; s < ids_->num_sequences(); ++s) {
      const ArrayView ids = View(*ids_, id_type_, s);
      for (uint64_t i = 0; i < ids.num_elements(); ++i) {
        const int64_t id = ids.Integer(i);
        if (!token_ids_.IsMarked(id)) largest = std::max(largest, id);
      }
      if (progress) progress(s + 1, ids_->num_sequences());
    }
    return largest;
  }

  absl::Status Read(uint64_t sample, std::vector<RouteBuffer>* groups) override {
    const ArrayView ids = View(*ids_, id_type_, sample);
    ArrayView weights;
    if (weights_ != nullptr) weights = View(*weights_, TensorType::kF32, sample);
    uint64_t at = 0;
    for (RouteBuffer& out : *groups) {
      for (uint32_t t = 0; t < out.num_tokens(); ++t, at += options_.k) {
        int64_t token[16];
        float scores[16] = {0};
        for (uint32_t i = 0; i < options_.k; ++i) {
          token[i] = ids.Integer(at + i);
          if (weights_ != nullptr) scores[i] = static_cast<float>(weights.Number(at + i));
        }
        if (options_.reference) SortByScore(token, scores);
        GROUTER_RETURN_IF_ERROR(token_ids_.Put(token, options_.k, t, &out));
        for (uint32_t i = 0; i < options_.k && weights_ != nullptr; ++i) out.SetWeight(t, i, scores[i]);
      }
    }
    return absl::OkStatus();
  }

  std::vector<std::string> assumptions() const override {
    if (!options_.reference) return {};
    return {
        "pairing: the i-th id (ascending) with the i-th score (ascending), as they lie; these files do not "
        "say which id had which score"};
  }

 private:
  static ArrayView View(const IndexedDataset& dataset, TensorType type, uint64_t sequence) {
    ArrayView view;
    view.type = type;
    view.bytes = dataset.sequence_bytes(sequence);
    return view;
  }

  void SortByScore(int64_t* ids, float* scores) const {
    uint32_t order[16];
    std::iota(order, order + options_.k, 0);
    std::stable_sort(order, order + options_.k,
                     [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    int64_t sorted_ids[16];
    float sorted_scores[16];
    for (uint32_t i = 0; i < options_.k; ++i) {
      sorted_ids[i] = ids[order[i]];
      sorted_scores[i] = scores[order[i]];
    }
    std::copy_n(sorted_ids, options_.k, ids);
    std::copy_n(sorted_scores, options_.k, scores);
  }

  const DatasetSourceOptions options_;
  const TokenIds token_ids_;
  const std::shared_ptr<const IndexedDataset> ids_;
  const std::shared_ptr<const IndexedDataset> weights_;
  TensorType id_type_ = TensorType::kU8;
  RouteSourceShape shape_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RouteSource>> OpenDatasetSource(const DatasetSourceOptions& options,
                                                               FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const IndexedDataset> ids,
                           IndexedDataset::Open(options.ids_prefix, files));
  std::shared_ptr<const IndexedDataset> weights;
  if (!options.weights_prefix.empty()) {
    GROUTER_ASSIGN_OR_RETURN(weights, IndexedDataset::Open(options.weights_prefix, files));
  }
  auto source = std::make_unique<DatasetSource>(options, std::move(ids), std::move(weights));
  GROUTER_RETURN_IF_ERROR(source->Init());
  return std::unique_ptr<RouteSource>(std::move(source));
}

}  // namespace grouter
