#include "routing/table/manifest.h"

#include "gtest/gtest.h"
#include "io/coding.h"
#include "routing/table/content.h"

namespace grouter {
namespace {

Manifest Two() {
  Manifest m;
  m.header.num_experts = 8;
  m.header.k = 2;
  m.header.sample_index_digest = Sha256("index");
  m.domains = {"books"};
  m.num_samples = 5;
  m.num_tokens = 50;
  m.root = Sha256("root");
  m.shards.push_back({ShardName(0, 2), 5000, 0, 2, 20, Sha256("a")});
  m.shards.push_back({ShardName(2, 3), 6000, 2, 3, 30, Sha256("b")});
  m.content_digest = ContentDigest(m.header, m.num_samples, m.root);
  m.provenance = {"from: a test"};
  return m;
}

TEST(Manifest, SurvivesEncoding) {
  const std::string bytes = EncodeManifest(Two());
  const auto m = DecodeManifest(bytes);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(EncodeManifest(*m), bytes);
  EXPECT_EQ(m->shards[1].num_tokens, 30);
  EXPECT_EQ(m->provenance, std::vector<std::string>{"from: a test"});
}

TEST(Manifest, EveryCutAndEveryFlippedBitIsFound) {
  const std::string bytes = EncodeManifest(Two());
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(DecodeManifest(bytes.substr(0, size)).ok());
  EXPECT_FALSE(DecodeManifest(bytes + "x").ok());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string bad = bytes;
    bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeManifest(bad).ok()) << bit;
  }
}

TEST(Manifest, AShardOutsideItsFolderIsRefused) {
  for (const char* name : {"../x.shard", "/etc/x.shard", "a/b.shard", ".x.shard", "", "x.txt"}) {
    Manifest m = Two();
    m.shards[0].name = name;
    EXPECT_EQ(DecodeManifest(EncodeManifest(m)).status().code(), absl::StatusCode::kDataLoss) << name;
  }
}

TEST(Manifest, ShardsMustCoverTheSamplesExactly) {
  const auto refused = [](const Manifest& m) {
    return DecodeManifest(EncodeManifest(m)).status().code() == absl::StatusCode::kDataLoss;
  };
  Manifest m = Two();
  m.shards[1].first_sample = 3;
  EXPECT_TRUE(refused(m));
  m = Two();
  m.shards[1].first_sample = 1;
  EXPECT_TRUE(refused(m));
  m = Two();
  m.shards.pop_back();
  EXPECT_TRUE(refused(m));
  m = Two();
  m.shards[1].num_samples = UINT64_MAX;
  EXPECT_TRUE(refused(m));
  m = Two();
  m.num_tokens = 51;
  EXPECT_TRUE(refused(m));
  m = Two();
  m.content_digest = Sha256("other");
  EXPECT_TRUE(refused(m));
}

TEST(Manifest, ANewerMinorVersionMayEndWithFieldsUnknownHere) {
  Manifest m = Two();
  m.format_minor = kTableFormatMinor + 1;
  std::string bytes = EncodeManifest(m);
  // Eight more payload bytes, the length and the checksum to match.
  std::string longer = bytes.substr(0, bytes.size() - 32) + "newfield";
  uint64_t payload = longer.size() - 24;
  longer.replace(16, 8, reinterpret_cast<const char*>(&payload), 8);
  ByteWriter out;
  out.PutRaw(longer.data(), longer.size());
  out.PutDigest(Sha256(longer));
  EXPECT_TRUE(DecodeManifest(out.bytes()).ok());
  longer[12] = static_cast<char>(kTableFormatMinor);  // the same bytes of this version are damage
  ByteWriter same;
  same.PutRaw(longer.data(), longer.size());
  same.PutDigest(Sha256(longer));
  EXPECT_EQ(DecodeManifest(same.bytes()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Manifest, AnotherMajorVersionIsUnimplemented) {
  Manifest m = Two();
  m.format_major = 2;
  EXPECT_EQ(DecodeManifest(EncodeManifest(m)).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(Manifest, SomethingElseIsSaidToBeSomethingElse) {
  EXPECT_EQ(DecodeManifest("{\"json\": true, \"padding\": 1}").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
