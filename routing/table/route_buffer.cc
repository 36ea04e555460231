#include "routing/table/route_buffer.h"

#include <cstring>

#include "io/error.h"
#include "routing/table/format.h"
#include "routing/table/weights.h"

namespace grouter {

RouteBuffer::RouteBuffer(const TableHeader& header, uint32_t num_tokens)
    : k_(header.k),
      id_width_(IdWidth(header.num_experts)),
      per_token_k_(header.per_token_k),
      weight_type_(header.weight_type) {
  Reset(num_tokens);
}

void RouteBuffer::Reset(uint32_t num_tokens) {
  num_tokens_ = num_tokens;
  has_missing_ = false;
  const size_t slots = size_t{num_tokens} * k_;
  ids_.assign(slots * id_width_, 0);
  weights_.assign(slots * WeightBytes(weight_type_), 0);
  num_topk_.assign(per_token_k_ ? num_tokens : 0, static_cast<char>(k_));
  missing_.assign((size_t{num_tokens} + 7) / 8, 0);
}

void RouteBuffer::SetId(uint32_t token, uint32_t rank, uint32_t expert) {
  std::memcpy(&ids_[(size_t{token} * k_ + rank) * id_width_], &expert, id_width_);
}

void RouteBuffer::SetIds(absl::string_view plane) {
  GROUTER_CHECK(plane.size() == ids_.size());
  if (!plane.empty()) std::memcpy(&ids_[0], plane.data(), plane.size());
}

void RouteBuffer::SetWeight(uint32_t token, uint32_t rank, float weight) {
  const size_t i = size_t{token} * k_ + rank;
  if (weight_type_ == WeightType::kFloat32) {
    std::memcpy(&weights_[4 * i], &weight, 4);
  } else if (weight_type_ != WeightType::kNone) {
    const uint16_t bits =
        weight_type_ == WeightType::kBFloat16 ? FloatToBFloat16(weight) : FloatToFloat16(weight);
    std::memcpy(&weights_[2 * i], &bits, 2);
  }
}

void RouteBuffer::SetNumTopk(uint32_t token, uint32_t num_topk) {
  num_topk_[token] = static_cast<char>(num_topk);
}

void RouteBuffer::SetMissing(uint32_t token) {
  missing_[token / 8] |= static_cast<char>(1 << (token % 8));
  has_missing_ = true;
}

RouteView RouteBuffer::view() const {
  RouteView view;
  view.num_tokens = num_tokens_;
  view.k = k_;
  view.id_width = id_width_;
  view.weight_type = weight_type_;
  view.ids = ids_;
  view.weights = weights_;
  view.num_topk = num_topk_;
  if (has_missing_) view.missing = missing_;
  return view;
}

}  // namespace grouter
