// Which experts a token usually visits: for every token of a vocabulary the experts in the order of how often
// it chose them. A route is then stored as places in its token's list. Tokens seen too rarely share the list
// of all tokens. Stored as coarse levels of frequency (4 or 5 bits before entropy coding), not as lists.
#ifndef GROUTER_ROUTING_TABLE_PACKED_EXPERT_LISTS_H_
#define GROUTER_ROUTING_TABLE_PACKED_EXPERT_LISTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io/coding.h"

namespace grouter {

constexpr uint32_t kMinListOccurrences = 8;      // of a token, to get a list of its own
constexpr uint32_t kMaxListToken = 1u << 24;     // token ids from here on share the common list
constexpr uint64_t kMaxListBytes = 64ull << 20;  // of all lists in memory

// How often each expert was chosen, by token. Counts saturate nowhere: u32 selections of one table's shard.
struct TokenCounts {
  uint32_t num_experts = 0;
  std::vector<uint64_t> all;          // [num_experts]
  std::vector<uint32_t> tokens;       // with a list, ascending
  std::vector<uint32_t> occurrences;  // [tokens]
  std::vector<uint32_t> counts;       // [tokens][num_experts]
};

// Immutable, thread-safe.
class ExpertLists {
 public:
  ExpertLists() = default;
  // REQUIRES: counts.tokens is empty for more than 256 experts.
  static ExpertLists FromCounts(const TokenCounts& counts);
  void Encode(ByteWriter* out) const;
  // INVALID_ARGUMENT when damaged; never allocates more than kMaxListBytes and a few bytes per input byte.
  static absl::StatusOr<ExpertLists> Decode(uint32_t num_experts, ByteReader* in);

  uint32_t num_experts() const { return num_experts_; }
  uint32_t num_lists() const { return static_cast<uint32_t>(1 + tokens_.size()); }
  // Which list a token uses; 0: the common one.
  uint32_t ListOf(uint32_t token) const { return token < list_of_.size() ? list_of_[token] : 0; }
  // ListOf each token; brings the lists' beginnings nearer to the processor.
  void ListsOf(absl::Span<const uint32_t> tokens, uint32_t* lists) const;
  // Up to 256 experts: lists of `stride()` ids end to end, 128 or 256; past num_experts they hold 0. Aligned
  // to 64 bytes.
  uint32_t stride() const { return stride_; }
  const uint8_t* lists() const { return reinterpret_cast<const uint8_t*>(lists_.data()); }
  // Of lists of 128: the first 64 ids of each once more, end to end. Few tokens need more, and so half as
  // much memory is touched.
  const uint8_t* beginnings() const { return reinterpret_cast<const uint8_t*>(beginnings_.data()); }
  // [num_experts] of all selections, > 0; after FromCounts only.
  const std::vector<double>& shares() const { return shares_; }
  // The common list, of any number of experts.
  const std::vector<uint16_t>& common() const { return common_; }

 private:
  // A line of the cache: a list that began inside one would take one more and cut each vector in two.
  struct alignas(64) Line {
    uint8_t ids[64];
  };
  void BuildLists();

  uint32_t num_experts_ = 0;
  uint32_t stride_ = 0;
  std::vector<uint16_t> common_;
  std::vector<double> shares_;
  std::vector<uint32_t> tokens_;  // by class, then ascending
  std::vector<uint32_t> class_sizes_;
  std::vector<uint8_t> levels_;  // [tokens_][num_experts], kept until the lists are built or encoded
  std::vector<Line> lists_;
  std::vector<Line> beginnings_;
  std::vector<uint32_t> list_of_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_EXPERT_LISTS_H_
