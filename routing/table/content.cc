#include "routing/table/content.h"

#include <cstring>
#include <utility>

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
  SampleLeaves leaves;
  leaves.Add(num_tokens, layer_groups);
  return leaves.Finish()[0];
}

void SampleLeaves::Add(uint32_t num_tokens, absl::Span<const RouteView> layer_groups) {
  static constexpr char kHasMissing[2] = {0, 1};
  starts_.push_back({});
  std::memcpy(&starts_.back()[1], &num_tokens, 4);
  MessagePieces pieces(1);  // the first is the start, which may still move
  for (const RouteView& routes : layer_groups) {
    pieces.emplace_back(kHasMissing + !routes.missing.empty(), 1);
    for (absl::string_view plane : {routes.ids, routes.weights, routes.num_topk, routes.missing}) {
      if (!plane.empty()) pieces.push_back(plane);
    }
  }
  messages_.push_back(std::move(pieces));
}

std::vector<Digest> SampleLeaves::Finish() {
  for (size_t i = 0; i < messages_.size(); ++i) messages_[i][0] = {starts_[i].data(), starts_[i].size()};
  std::vector<Digest> leaves = Sha256Batch(messages_);
  starts_.clear();
  messages_.clear();
  return leaves;
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
