// Routes of one sample in one layer group, owned, to be filled token by token: what routers, importers and
// tests hand to TableBuilder::AddSample through view().
#ifndef GROUTER_ROUTING_TABLE_ROUTE_BUFFER_H_
#define GROUTER_ROUTING_TABLE_ROUTE_BUFFER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "routing/table/routing_table.h"

namespace grouter {

// One thread at a time. Starts with all ids and weights 0, every k_t = k, nothing missing.
class RouteBuffer {
 public:
  // Uses num_experts, k, per_token_k and weight_type of `header`.
  RouteBuffer(const TableHeader& header, uint32_t num_tokens);
  // Starts over with another length; keeps the memory.
  void Reset(uint32_t num_tokens);

  // REQUIRES for all: token < num_tokens, rank < k, expert < 65536.
  void SetId(uint32_t token, uint32_t rank, uint32_t expert);
  // All of them at once. REQUIRES: `plane` is num_tokens x k ids of the table's width.
  void SetIds(absl::string_view plane);
  void SetWeight(uint32_t token, uint32_t rank, float weight);  // converted; nothing when kNone
  // REQUIRES: per_token_k.
  void SetNumTopk(uint32_t token, uint32_t num_topk);
  void SetMissing(uint32_t token);

  uint32_t num_tokens() const { return num_tokens_; }
  uint32_t id_width() const { return id_width_; }
  // Valid until the buffer is changed or destroyed.
  RouteView view() const;

 private:
  const uint32_t k_;
  const uint32_t id_width_;
  const bool per_token_k_;
  const WeightType weight_type_;
  uint32_t num_tokens_ = 0;
  bool has_missing_ = false;
  std::string ids_;
  std::string weights_;
  std::string num_topk_;
  std::string missing_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_ROUTE_BUFFER_H_
