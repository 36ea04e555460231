#include "routing/table/content.h"

#include <cstring>

#include "io/coding.h"
#include "routing/table/format.h"

namespace grouter {
namespace {

Digest Node(const Digest& left, const Digest& right) {
  char bytes[65];
  bytes[0] = 1;
  std::memcpy(bytes + 1, left.bytes.data(), 32);
  std::memcpy(bytes + 33, right.bytes.data(), 32);
  return Sha256(bytes, sizeof(bytes));
}

}  // namespace

Digest SampleLeaf(uint32_t num_tokens, absl::Span<const RouteView> layer_groups) {
  Sha256Stream stream;
  char start[5] = {0};
  std::memcpy(start + 1, &num_tokens, 4);
  stream.Update(start, sizeof(start));
  for (const RouteView& routes : layer_groups) {
    const char has_missing = !routes.missing.empty();
    stream.Update(&has_missing, 1);
    stream.Update(routes.ids);
    stream.Update(routes.weights);
    stream.Update(routes.num_topk);
    stream.Update(routes.missing);
  }
  return stream.Finish();
}

void MerkleTree::Add(const Digest& leaf) {
  peaks_.push_back(leaf);
  for (uint64_t n = num_leaves_; (n & 1) != 0; n >>= 1) {
    const Digest right = peaks_.back();
    peaks_.pop_back();
    peaks_.back() = Node(peaks_.back(), right);
  }
  ++num_leaves_;
}

Digest MerkleTree::Root() const {
  if (peaks_.empty()) return Sha256("");
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i > 0; --i) root = Node(peaks_[i - 1], root);
  return root;
}

Digest ContentDigest(const TableHeader& header, uint64_t num_samples, const Digest& root) {
  ByteWriter semantic;
  EncodeTableHeader(header, &semantic);
  ByteWriter out;
  out.PutRaw("grouter routing table", 22);
  out.PutString(semantic.bytes());
  out.Put<uint64_t>(num_samples);
  out.PutDigest(root);
  return Sha256(out.bytes());
}

}  // namespace grouter
