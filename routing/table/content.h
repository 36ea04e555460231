// The content digest: a Merkle root over canonical decoded sample routes, bound to the semantic header. It
// does not depend on tier, sharding, merge order or format version. Pure.
//
//   leaf   = SHA-256(0x00, u32 length, per layer group: u8 has_missing, ids, weights, num_topk, bitmap)
//   node   = SHA-256(0x01, left, right)      RFC 6962's tree: the left part is the largest power of two
//   digest = SHA-256("grouter routing table\0", u32 header bytes, header, u64 samples, root)
#ifndef GROUTER_ROUTING_TABLE_CONTENT_H_
#define GROUTER_ROUTING_TABLE_CONTENT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "io/digest.h"
#include "io/sha256_batch.h"
#include "routing/table/routing_table.h"

namespace grouter {

// The leaf of one sample: one view of the whole sample per layer group, canonical (unused ids, weights and
// bits are 0, bitmap present only when a bit is set, first_bit 0).
Digest SampleLeaf(uint32_t num_tokens, absl::Span<const RouteView> layer_groups);

// The leaves of several samples, hashed side by side (io/sha256_batch.h).
class SampleLeaves {
 public:
  // As SampleLeaf. The planes must stay as they are until Finish.
  void Add(uint32_t num_tokens, absl::Span<const RouteView> layer_groups);
  size_t size() const { return messages_.size(); }
  // One leaf a sample, in their order; starts over.
  std::vector<Digest> Finish();

 private:
  std::vector<std::array<char, 5>> starts_;
  std::vector<MessagePieces> messages_;  // their first pieces are set by Finish
};

// Leaves in sample order, in memory of O(log n).
class MerkleTree {
 public:
  void Add(const Digest& leaf);
  uint64_t num_leaves() const { return num_leaves_; }
  // Zero leaves: SHA-256 of nothing.
  Digest Root() const;

 private:
  uint64_t num_leaves_ = 0;
  std::vector<Digest> peaks_;  // of full subtrees, largest first; sizes are num_leaves_'s bits
};

Digest ContentDigest(const TableHeader& header, uint64_t num_samples, const Digest& root);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_CONTENT_H_
