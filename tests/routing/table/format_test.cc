#include "routing/table/format.h"

#include "gtest/gtest.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TableHeader Valid() {
  TableHeader h;
  h.num_experts = 256;
  h.k = 8;
  h.sample_index_digest = Sha256("index");
  h.splits.resize(2);
  h.splits[0].name = "train";
  h.splits[0].num_samples = 10;
  h.splits[1].name = "valid";
  h.splits[1].first_sample = 10;
  h.splits[1].num_samples = 3;
  return h;
}

std::string Encoded(const TableHeader& h) {
  ByteWriter out;
  EncodeTableHeader(h, &out);
  return out.Take();
}

TEST(TableFormat, IdsAreOneByteUpTo256Experts) {
  EXPECT_EQ(IdWidth(2), 1);
  EXPECT_EQ(IdWidth(256), 1);
  EXPECT_EQ(IdWidth(257), 2);
  EXPECT_EQ(IdWidth(65536), 2);
}

TEST(TableFormat, AHeaderSurvivesEncoding) {
  TableHeader h = Valid();
  h.router_digest = Sha256("router");
  h.weight_type = WeightType::kBFloat16;
  h.causality = Causality::kCaptured;
  h.padding_rule = PositionRule::kMissing;
  h.eod_token = 2;
  const std::string bytes = Encoded(h);
  ByteReader in(bytes);
  const auto decoded = DecodeTableHeader(&in);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(Encoded(*decoded), bytes);
  EXPECT_EQ(decoded->splits[1].name, "valid");
}

TEST(TableFormat, ACutHeaderIsAnError) {
  const std::string bytes = Encoded(Valid());
  for (size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(absl::string_view(bytes).substr(0, size));
    EXPECT_EQ(DecodeTableHeader(&in).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
}

TEST(TableFormat, SplitsLieSideBySide) {
  TableHeader h = Valid();
  EXPECT_TRUE(ValidateTableHeader(h).ok());
  h.splits[1].first_sample = 11;
  EXPECT_FALSE(ValidateTableHeader(h).ok());
}

TEST(TableFormat, PlanesStartAtMultiplesOf8AndCrcsFollow) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const TableHeader h = testing::RandomShape(&random).header;
    const uint64_t tokens = random.Below(100000);
    const RecordLayout layout = LayoutRecord(h, tokens, random.Below(2) != 0);
    EXPECT_EQ(layout.weights % 8 + layout.num_topk % 8 + layout.missing % 8 + layout.bytes % 8, 0);
    EXPECT_GE(layout.weights, layout.ids_bytes);
    EXPECT_GE(layout.num_topk, layout.weights + layout.weights_bytes);
    EXPECT_GE(layout.missing, layout.num_topk + layout.num_topk_bytes);
    EXPECT_GE(layout.payload_bytes, layout.missing + layout.missing_bytes);
    EXPECT_GE(layout.num_blocks * kBlockBytes, layout.payload_bytes);
    EXPECT_EQ(layout.bytes, AlignUp8(layout.payload_bytes + 4 * layout.num_blocks));
  }
}

TEST(TableFormat, RecordsPast4GiBDoNotOverflow) {
  TableHeader h = Valid();
  h.num_experts = 65536;
  h.id_width = 2;
  h.k = 16;
  h.weight_type = WeightType::kFloat32;
  EXPECT_EQ(LayoutRecord(h, kMaxSampleTokens, false).weights_bytes, kMaxSampleTokens * 64);
}

TEST(TableFormat, ACodedRecordsPayloadFollowsFromItsSize) {
  uint64_t previous = 0;
  for (uint64_t payload = 8; payload < 10 * kBlockBytes; payload += 8) {
    const uint64_t bytes = LayoutCodedRecord(payload).bytes;
    EXPECT_GT(bytes, previous);
    previous = bytes;
  }
}

TEST(TableFormat, ABlocksCrcDependsOnItsPlace) {
  const std::string bytes(100, 'x');
  const uint32_t crc = BlockCrc(1, 2, 3, bytes);
  EXPECT_EQ(crc, BlockCrc(1, 2, 3, bytes));
  EXPECT_NE(crc, BlockCrc(2, 2, 3, bytes));
  EXPECT_NE(crc, BlockCrc(1, 3, 3, bytes));
  EXPECT_NE(crc, BlockCrc(1, 2, 4, bytes));
}

ShardHeader Page() {
  ShardHeader h;
  h.num_samples = 4;
  uint64_t offset = kHeaderPageBytes;
  for (uint32_t kind = 1; kind <= 8; ++kind) {
    h.sections.push_back({static_cast<SectionKind>(kind), kind, offset, 8});
    offset += 8;
  }
  return h;
}
constexpr uint64_t kPageFileBytes = kHeaderPageBytes + 64;

TEST(TableFormat, AShardsHeaderSurvivesEncoding) {
  const auto decoded = DecodeShardHeader(EncodeShardHeader(Page()), kPageFileBytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->num_samples, 4);
  EXPECT_EQ(decoded->Find(SectionKind::kCounts)->crc32c, 7);
  EXPECT_EQ(decoded->Find(SectionKind::kCodec), nullptr);
}

TEST(TableFormat, ANewerMinorVersionWithAnUnknownSectionIsRead) {
  ShardHeader h = Page();
  h.format_minor = 9;
  h.sections.push_back({static_cast<SectionKind>(77), 0, kPageFileBytes, 5});
  EXPECT_TRUE(DecodeShardHeader(EncodeShardHeader(h), kPageFileBytes + 8).ok());
}

TEST(TableFormat, AnotherMajorVersionIsUnimplementedAndSaysWhatToDo) {
  ShardHeader h = Page();
  h.format_major = 2;
  const absl::Status status = DecodeShardHeader(EncodeShardHeader(h), kPageFileBytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("use a newer Grouter"), absl::string_view::npos);
}

TEST(TableFormat, SectionsOutsideTheFileAreDamage) {
  ShardHeader h = Page();
  EXPECT_EQ(DecodeShardHeader(EncodeShardHeader(h), kPageFileBytes - 8).status().code(),
            absl::StatusCode::kDataLoss);
  h.sections[3].bytes = UINT64_MAX - 100;
  EXPECT_EQ(DecodeShardHeader(EncodeShardHeader(h), kPageFileBytes).status().code(),
            absl::StatusCode::kDataLoss);
  h = Page();
  h.sections.pop_back();
  EXPECT_EQ(DecodeShardHeader(EncodeShardHeader(h), kPageFileBytes - 8).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(TableFormat, ShardNamesSortBySample) {
  EXPECT_LT(ShardName(9, 1), ShardName(10, 1));
  EXPECT_EQ(ShardName(4096, 12), "000000004096-000000000012.shard");
}

}  // namespace
}  // namespace grouter
