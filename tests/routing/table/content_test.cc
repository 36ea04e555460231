#include "routing/table/content.h"

#include <functional>

#include "gtest/gtest.h"
#include "io/coding.h"

namespace grouter {
namespace {

// RFC 6962's definition, by recursion.
Digest RootOf(absl::Span<const Digest> leaves) {
  if (leaves.empty()) return Sha256("");
  if (leaves.size() == 1) return leaves[0];
  size_t left = 1;
  while (2 * left < leaves.size()) left *= 2;
  ByteWriter out;
  out.Put<uint8_t>(1);
  out.PutDigest(RootOf(leaves.subspan(0, left)));
  out.PutDigest(RootOf(leaves.subspan(left)));
  return Sha256(out.bytes());
}

TEST(Content, TheTreeIsTheOneDefinedByRecursion) {
  MerkleTree tree;
  std::vector<Digest> leaves;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(tree.Root(), RootOf(leaves)) << i;
    leaves.push_back(Sha256(std::string(1, static_cast<char>(i))));
    tree.Add(leaves.back());
  }
}

TEST(Content, ALeafIsTheHashOfItsPlanes) {
  RouteView view;
  view.num_tokens = 2;
  view.k = 1;
  view.ids = "\x05\x06";
  view.missing = absl::string_view("\x02", 1);
  ByteWriter out;
  out.Put<uint8_t>(0);
  out.Put<uint32_t>(2);
  out.Put<uint8_t>(1);
  out.PutRaw("\x05\x06\x02", 3);
  EXPECT_EQ(SampleLeaf(2, {view}), Sha256(out.bytes()));
}

TEST(Content, LeavesHashedTogetherAreThoseHashedAlone) {
  std::vector<std::string> ids;
  for (uint32_t tokens = 0; tokens < 40; ++tokens)
    ids.push_back(std::string(37 * tokens, static_cast<char>(tokens)));
  SampleLeaves leaves;
  std::vector<Digest> alone;
  for (const std::string& plane : ids) {
    RouteView view;
    view.num_tokens = static_cast<uint32_t>(plane.size());
    view.k = 1;
    view.ids = plane;
    leaves.Add(view.num_tokens, {view, view});
    alone.push_back(SampleLeaf(view.num_tokens, {view, view}));
  }
  EXPECT_EQ(leaves.size(), 40);
  EXPECT_EQ(leaves.Finish(), alone);
  EXPECT_EQ(leaves.size(), 0);
}

TEST(Content, IdWidthIsNotPartOfTheDigest) {
  TableHeader h;
  h.num_experts = 8;
  TableHeader wide = h;
  wide.id_width = 2;
  EXPECT_EQ(ContentDigest(h, 1, Digest()), ContentDigest(wide, 1, Digest()));
}

TEST(Content, EveryFieldOfTheHeaderIsPartOfTheDigest) {
  const TableHeader h;
  const Digest digest = ContentDigest(h, 1, Digest());
  EXPECT_NE(ContentDigest(h, 2, Digest()), digest);
  EXPECT_NE(ContentDigest(h, 1, Sha256("root")), digest);
  const std::vector<std::function<void(TableHeader*)>> changes = {
      [](TableHeader* t) { t->tokenizer_digest = Sha256("x"); },
      [](TableHeader* t) { t->router_digest = Sha256("x"); },
      [](TableHeader* t) { t->sample_index_digest = Sha256("x"); },
      [](TableHeader* t) { t->parent_digest = Sha256("x"); },
      [](TableHeader* t) { t->num_experts = 9; },
      [](TableHeader* t) { t->k = 3; },
      [](TableHeader* t) { t->per_token_k = true; },
      [](TableHeader* t) { t->num_layer_groups = 2; },
      [](TableHeader* t) { t->weight_type = WeightType::kFloat16; },
      [](TableHeader* t) { t->causality = Causality::kCaptured; },
      [](TableHeader* t) { t->allow_generation_capture = true; },
      [](TableHeader* t) { t->cross_document = true; },
      [](TableHeader* t) { t->eod_token = 7; },
      [](TableHeader* t) { t->eod_rule = PositionRule::kMissing; },
      [](TableHeader* t) { t->padding_rule = PositionRule::kMissing; },
      [](TableHeader* t) { t->splits.resize(1); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    TableHeader changed = h;
    changes[i](&changed);
    EXPECT_NE(ContentDigest(changed, 1, Digest()), digest) << i;
  }
}

}  // namespace
}  // namespace grouter
