// The context-free code of expert ids: an id's probability follows from its slot, from the ids before it in
// the token (experts that are chosen together) and from the tokens before it in the record (experts that
// follow each other). Scores add up in sixteenths of a bit, so that all arithmetic is in integers.
//
//   score(e) = slot[j][e] + sum over the token's ids i before: together[i][e] + history[e]
//   after a token: history = (history + sum over its ids i: follows[i]) / 2, rounded down; before the first,
//   0 frequency(e) = 0 for an id of the token, else (16 + s % 16) << (s / 16) with s = max(0, 224 - (largest
//   - score(e)))
#ifndef GROUTER_ROUTING_TABLE_PACKED_PAIR_CODE_H_
#define GROUTER_ROUTING_TABLE_PACKED_PAIR_CODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/coding.h"
#include "routing/table/routing_table.h"

namespace grouter {

constexpr uint32_t kMaxPairExperts = 256;

// What a PairModel is learned from. One thread at a time.
class PairCounts {
 public:
  PairCounts(uint32_t num_experts, uint32_t k);
  void Add(const RouteView& record);
  // What `other` counted, too. REQUIRES: the same shape.
  void Merge(const PairCounts& other);
  uint64_t num_selections() const { return num_selections_; }

 private:
  friend class PairModel;
  uint32_t num_experts_, k_;
  uint64_t num_selections_ = 0;
  std::vector<uint32_t> slot_;      // [k][E]
  std::vector<uint32_t> together_;  // [E][E]
  std::vector<uint32_t> follows_;   // [E][E]
};

// Immutable, thread-safe.
class PairModel {
 public:
  PairModel() = default;
  static PairModel FromCounts(const PairCounts& counts);
  void Encode(ByteWriter* out) const;
  // INVALID_ARGUMENT when cut. REQUIRES: num_experts <= kMaxPairExperts.
  static absl::StatusOr<PairModel> Decode(uint32_t num_experts, uint32_t k, ByteReader* in);

  // The ids of a record. INVALID_ARGUMENT when a token has an expert twice. With `bits`, adds the ideal
  // length.
  absl::StatusOr<std::string> EncodeIds(const RouteView& record, double* bits = nullptr) const;
  // Fills the used slots of ids[token][k], u8. k_t of token t is num_topk[t], or k when that is null. Of
  // damaged bytes any ids below num_experts; false when bytes are left over.
  bool DecodeIds(absl::string_view bytes, uint32_t num_tokens, const uint8_t* num_topk, uint8_t* ids) const;

 private:
  class Scores;
  uint32_t num_experts_ = 0, k_ = 0;
  std::vector<int16_t> slot_;     // [k][E]
  std::vector<int8_t> together_;  // [E][E]
  std::vector<int8_t> follows_;   // [E][E]
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_PAIR_CODE_H_
