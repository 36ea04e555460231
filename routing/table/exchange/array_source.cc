#include "routing/table/exchange/array_source.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"

namespace grouter {
namespace {

absl::Status Invalid(absl::string_view what, absl::string_view fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, "arrays", fix);
}

class ArraySource : public RouteSource {
 public:
  explicit ArraySource(const ArraySourceOptions& options)
      : options_(options), token_ids_(options.markers, options.num_experts, options.per_token_k) {}

  absl::Status Init() {
    const std::vector<uint64_t>& dims = options_.ids.shape;
    if (!options_.ids.IsInteger()) return Invalid("ids are not integers", "give integer ids");
    const bool padded = options_.layout == ArrayLayout::kSamplesTokensLayers;
    if (dims.size() != (padded ? 4 : 3) &&
        !(options_.layout == ArrayLayout::kLayersTokens && dims.size() == 2)) {
      return Invalid(
          absl::StrCat("ids have the shape [", absl::StrJoin(dims, ", "), "]"),
          "give [layers, tokens, k], [tokens, k], [tokens, layers, k] or [samples, tokens, layers, k]");
    }
    const uint64_t k = dims.back();
    const uint64_t layers = dims.size() == 2                                ? 1
                            : options_.layout == ArrayLayout::kLayersTokens ? dims[0]
                                                                            : dims[dims.size() - 2];
    tokens_ = padded                                                              ? dims[1]
              : dims.size() == 2 || options_.layout == ArrayLayout::kTokensLayers ? dims[0]
                                                                                  : dims[1];
    if (k > 16 || layers == 0 || layers > 65536)
      return Invalid("k is over 16, or there are no layers", "check the layout");
    if (options_.weights.has_value()) {
      if (options_.weights->shape != dims)
        return Invalid("weights and ids have different shapes", "give one shape");
      switch (options_.weights->type) {
        case TensorType::kBF16:
          shape_.weight_type = WeightType::kBFloat16;
          break;
        case TensorType::kF16:
          shape_.weight_type = WeightType::kFloat16;
          break;
        case TensorType::kF32:
          shape_.weight_type = WeightType::kFloat32;
          break;
        default:
          return Invalid("weights are not f32, f16 or bf16", "convert them first");
      }
    }
    shape_.k = static_cast<uint32_t>(k);
    shape_.num_layer_groups = static_cast<uint32_t>(layers);
    return InitLengths(padded ? dims[0] : 1, padded);
  }

  const RouteSourceShape& shape() const override { return shape_; }

  absl::StatusOr<int64_t> LargestId(const ScanProgress& progress) override {
    constexpr uint64_t kPiece = uint64_t{1} << 24;
    const uint64_t count = options_.ids.num_elements();
    int64_t largest = -1;
    for (uint64_t begin = 0; begin < count; begin += kPiece) {
      const uint64_t end = std::min(count, begin + kPiece);
      largest = std::max(largest, LargestOf(begin, end));
      if (progress) progress(end, count);
    }
    return largest;
  }

  absl::Status Read(uint64_t sample, std::vector<RouteBuffer>* groups) override {
    for (uint32_t group = 0; group < groups->size(); ++group) {
      RouteBuffer* out = &(*groups)[group];
      if (IsPlain() && IdsInOrder() && out->id_width() == ElementBytes(options_.ids.type)) {
        // The plane lies in the array as the table stores it; the builder checks the ids.
        const uint64_t stride = uint64_t{shape_.k} * out->id_width();
        const uint64_t begin = (group * tokens_ + begins_[sample]) * stride;
        out->SetIds(options_.ids.bytes.substr(begin, out->num_tokens() * stride));
        ReadWeights(begin / out->id_width(), out);
        continue;
      }
      for (uint32_t t = 0; t < out->num_tokens(); ++t)
        GROUTER_RETURN_IF_ERROR(ReadToken(sample, group, t, out));
    }
    return absl::OkStatus();
  }

 private:
  // Of elements [begin, end), begin < end.
  int64_t LargestOf(uint64_t begin, uint64_t end) const {
    if (IsPlain()) {
      const uint64_t width = ElementBytes(options_.ids.type);
      const absl::string_view bytes = options_.ids.bytes.substr(begin * width, (end - begin) * width);
      return width == 1 ? Largest<uint8_t>(bytes) : Largest<uint16_t>(bytes);
    }
    int64_t largest = -1;
    for (uint64_t i = begin; i < end; ++i) {
      const int64_t id = options_.ids.Integer(i);
      if (!token_ids_.IsMarked(id)) largest = std::max(largest, id);
    }
    return largest;
  }
  template <typename Id>
  static int64_t Largest(absl::string_view bytes) {
    const uint64_t count = bytes.size() / sizeof(Id);
    Id largest = 0;
    for (uint64_t i = 0; i < count; ++i) {
      Id id;
      std::memcpy(&id, bytes.data() + i * sizeof(Id), sizeof(Id));
      largest = std::max(largest, id);
    }
    return int64_t{largest};
  }
  // No id of these types can be a marker.
  bool IsPlain() const {
    return (options_.ids.type == TensorType::kU8 || options_.ids.type == TensorType::kU16) &&
           options_.markers.value < 0 && !options_.markers.all_equal;
  }
  bool IdsInOrder() const {
    return options_.layout == ArrayLayout::kLayersTokens || shape_.num_layer_groups == 1;
  }
  void ReadWeights(uint64_t first, RouteBuffer* out) {
    if (!options_.weights.has_value()) return;
    for (uint32_t t = 0; t < out->num_tokens(); ++t) {
      for (uint32_t i = 0; i < shape_.k; ++i, ++first) {
        out->SetWeight(t, i, static_cast<float>(options_.weights->Number(first)));
      }
    }
  }

  absl::Status InitLengths(uint64_t samples, bool padded) {
    if (!options_.lengths.has_value()) {
      if (tokens_ > UINT32_MAX / 2)
        return Invalid("a sample has more than 2^31 tokens", "give the lengths of the samples");
      shape_.lengths.assign(samples, static_cast<uint32_t>(tokens_));
      for (uint64_t s = 0; s < samples; ++s) begins_.push_back(padded ? s * tokens_ : 0);
      return absl::OkStatus();
    }
    const ArrayView& lengths = *options_.lengths;
    if (!lengths.IsInteger() || lengths.shape.size() != 1 || (padded && lengths.num_elements() != samples)) {
      return Invalid("the lengths are not one integer per sample", "give seq_len as [samples]");
    }
    uint64_t next = 0;
    for (uint64_t s = 0; s < lengths.num_elements(); ++s) {
      const int64_t length = lengths.Integer(s);
      if (length < 0 || static_cast<uint64_t>(length) > tokens_ - (padded ? 0 : next) || length > INT32_MAX) {
        return Invalid(absl::StrCat("length ", s, " is ", length, ", more tokens than there are routes"),
                       "let the lengths sum to the tokens; `grouter table align` says what is off");
      }
      shape_.lengths.push_back(static_cast<uint32_t>(length));
      begins_.push_back(padded ? s * tokens_ : next);
      next += length;
    }
    if (!padded && next != tokens_) {
      return Invalid(absl::StrCat("the lengths sum to ", next, ", there are routes of ", tokens_, " tokens"),
                     "let the lengths sum to the tokens; `grouter table align` says what is off");
    }
    return absl::OkStatus();
  }

  absl::Status ReadToken(uint64_t sample, uint32_t group, uint32_t t, RouteBuffer* out) {
    const uint64_t token = begins_[sample] + t;
    const uint64_t at = options_.layout == ArrayLayout::kLayersTokens
                            ? (group * tokens_ + token) * shape_.k
                            : (token * shape_.num_layer_groups + group) * shape_.k;
    int64_t ids[16];
    for (uint32_t i = 0; i < shape_.k; ++i) ids[i] = options_.ids.Integer(at + i);
    GROUTER_RETURN_IF_ERROR(token_ids_.Put(ids, shape_.k, t, out));
    if (!options_.weights.has_value()) return absl::OkStatus();
    for (uint32_t i = 0; i < shape_.k; ++i) {
      out->SetWeight(t, i, static_cast<float>(options_.weights->Number(at + i)));
    }
    return absl::OkStatus();
  }

  const ArraySourceOptions options_;
  const TokenIds token_ids_;
  RouteSourceShape shape_;
  uint64_t tokens_ = 0;  // of all samples, or of one padded sample
  std::vector<uint64_t> begins_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RouteSource>> MakeArraySource(const ArraySourceOptions& options) {
  auto source = std::make_unique<ArraySource>(options);
  GROUTER_RETURN_IF_ERROR(source->Init());
  return std::unique_ptr<RouteSource>(std::move(source));
}

}  // namespace grouter
