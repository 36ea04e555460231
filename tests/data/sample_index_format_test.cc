#include "data/sample_index_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

struct Content {
  SampleIndexHeader header;
  std::vector<SampleRecord> records;
  std::vector<TokenRange> ranges;
  std::string Bytes() const { return EncodeSampleIndex(header, records, ranges); }
};

Content Example() {
  Content content;
  content.header.tokenizer_digest = Sha256("tokenizer");
  content.header.dataset_digest = Sha256("dataset");
  content.header.rules.sequence_length = 8;
  content.header.rules.document_order_seed = 42;
  content.header.rules.eod_token = 9;
  content.header.token_crcs_known = true;
  content.header.num_tokens = 13;
  content.header.domains = {"a", "bc"};
  content.header.splits = {{"train", 0, 1, 8, 7}, {"valid", 1, 1, 5, 5}};
  content.records = {{0, 2, 8, 7, 1, 0x12345678, 0, 1, 5},
                     {2, 1, 5, 5, 0, 0xCAFEF00D, 0, SampleRecord::kNoLabel, 0}};
  content.ranges = {{0, 0, 3}, {1, 0, 5}, {uint64_t{1} << 40, uint64_t{1} << 50, 5}};
  return content;
}

absl::Status StatusOf(const std::string& bytes) { return ParseSampleIndex(bytes, "file").status(); }

TEST(SampleIndexFormat, ParsesWhatItEncoded) {
  const Content content = Example();
  const std::string bytes = content.Bytes();
  const auto view = ParseSampleIndex(bytes, "file");
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->header.tokenizer_digest, content.header.tokenizer_digest);
  EXPECT_EQ(view->header.rules.document_order_seed, 42u);
  EXPECT_EQ(view->header.rules.eod_token, 9);
  EXPECT_EQ(view->header.domains, content.header.domains);
  EXPECT_EQ(view->header.splits[1].first_sample, 1u);
  EXPECT_EQ(view->records[0].token_crc32c, 0x12345678u);
  EXPECT_EQ(view->ranges, absl::MakeConstSpan(content.ranges));
  EXPECT_EQ(EncodeSampleIndex(view->header, view->records, view->ranges), bytes);
}

TEST(SampleIndexFormat, HasNotMovedByAByte) {
  // sample_index_golden_test.py makes the same file from the description alone.
  const auto golden = FileSystem::Local().ReadFile("tests/golden/sample_index_v1.bin");
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(Example().Bytes(), *golden);
}

TEST(SampleIndexFormat, FindsEveryFlippedBit) {
  const std::string good = Example().Bytes();
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    const bool minor_version = bit >= 8 * 12 && bit < 8 * 16;  // a newer minor version is read
    std::string bad = good;
    bad[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_EQ(StatusOf(bad).ok(), minor_version) << "bit " << bit;
  }
}

TEST(SampleIndexFormat, FindsEveryCutAndExtraBytes) {
  const std::string good = Example().Bytes();
  for (size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(StatusOf(good.substr(0, cut)).ok()) << cut;
  EXPECT_FALSE(StatusOf(good + '\0').ok());
}

TEST(SampleIndexFormat, SaysWhatContradictsWhat) {
  const auto message = [](const std::function<void(Content*)>& change) {
    Content content = Example();
    change(&content);
    const absl::Status status = StatusOf(content.Bytes());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    return std::string(status.message());
  };
  EXPECT_THAT(message([](Content* c) { c->records[1].first_range = 1; }),
              HasSubstr("sample 1 has ranges that are not"));
  EXPECT_THAT(message([](Content* c) { c->records[1].num_ranges = 2; }), HasSubstr("not its own"));
  EXPECT_THAT(message([](Content* c) { c->records[0].length = 7; }), HasSubstr("do not add up"));
  EXPECT_THAT(message([](Content* c) { c->ranges[1].length = 0; }), HasSubstr("do not add up"));
  EXPECT_THAT(message([](Content* c) { c->ranges[2].offset = UINT64_MAX; }), HasSubstr("do not add up"));
  EXPECT_THAT(message([](Content* c) { c->records[0].num_loss_tokens = 9; }), HasSubstr("more loss tokens"));
  EXPECT_THAT(message([](Content* c) { c->header.rules.sequence_length = 7; }),
              HasSubstr("the longest sample"));
  EXPECT_THAT(message([](Content* c) { c->records[0].domain = 2; }), HasSubstr("unknown domain"));
  EXPECT_THAT(message([](Content* c) { c->records[0].reserved = 1; }), HasSubstr("reserved"));
  EXPECT_THAT(message([](Content* c) { c->header.token_crcs_known = false; }), HasSubstr("none is known"));
  EXPECT_THAT(message([](Content* c) { c->records[1].label_offset = 4; }), HasSubstr("half a label"));
  EXPECT_THAT(message([](Content* c) { c->ranges.push_back({0, 0, 1}); }), HasSubstr("ranges of no sample"));
  EXPECT_THAT(message([](Content* c) { c->header.splits[1].first_sample = 0; }),
              HasSubstr("does not follow"));
  EXPECT_THAT(message([](Content* c) { c->header.splits[1].num_samples = UINT64_MAX; }),
              HasSubstr("does not follow"));
  EXPECT_THAT(message([](Content* c) { c->header.splits[1].name = "train"; }),
              HasSubstr("a name of its own"));
  EXPECT_THAT(message([](Content* c) { c->header.splits[0].num_loss_tokens = 8; }),
              HasSubstr("sums of split"));
  EXPECT_THAT(message([](Content* c) { c->header.splits.pop_back(); }), HasSubstr("outside every split"));
  EXPECT_THAT(message([](Content* c) { c->header.num_tokens = 12; }), HasSubstr("sum of tokens"));
  EXPECT_THAT(message([](Content* c) { c->header.domains.clear(); }), HasSubstr("damaged header"));
}

TEST(SampleIndexFormat, RefusesANewerMajorVersion) {
  std::string bytes = Example().Bytes();
  bytes[8] = 2;
  EXPECT_EQ(StatusOf(bytes).code(), absl::StatusCode::kUnimplemented);
}

TEST(SampleIndexFromBytes, KeepsItsBytes) {
  const auto index = SampleIndexFromBytes(Example().Bytes(), "memory");
  ASSERT_TRUE(index.ok());
  EXPECT_EQ((*index)->sample(0).label_after, (TokenRange{1, 5, 1}));
  EXPECT_EQ((*index)->sample(1).ranges[0].document, uint64_t{1} << 40);
}

}  // namespace
}  // namespace grouter
