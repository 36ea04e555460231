#include "routing/table/exchange/export.h"

#include <algorithm>

#include "data/indexed_dataset.h"
#include "gtest/gtest.h"
#include "routing/table/exchange/import.h"
#include "routing/table/exchange/npy.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::NewFolder;
using testing::RandomTableOptions;

// Exports and imports again, over the same sample index.
absl::StatusOr<Digest> RoundTrip(const RandomTableOptions& o, const RoutingTable& table,
                                 const std::string& format) {
  ExportOptions out;
  out.format = format;
  const std::string suffix = format == "npz" ? ".npz" : format == "npy" ? ".npy" : "";
  out.output = NewFolder() + "/routes" + suffix;
  uint64_t done = 0, total = 0;
  out.progress = [&](uint64_t d, uint64_t t) {
    EXPECT_EQ(d, ++done);
    total = t;
  };
  absl::StatusOr<ExportReport> report = ExportTable(table, out);
  if (!report.ok()) return report.status();
  EXPECT_EQ(done, total) << format;
  ImportOptions in;
  in.format = format;
  in.inputs = {report->ids};
  if (!report->weights.empty()) in.inputs.push_back(report->weights);
  in.lengths_input = report->lengths;
  in.output = NewFolder();
  in.index = testing::RandomIndex(o);
  in.num_experts = o.header.num_experts;
  in.num_layer_groups = o.header.num_layer_groups;
  in.k = o.header.k;
  in.per_token_k = o.header.per_token_k;
  if (o.header.weight_type != WeightType::kNone) in.weight_type = o.header.weight_type;
  in.tokenizer_digest = table.header().tokenizer_digest;
  in.router_digest = o.header.router_digest;
  in.causality = o.header.causality;
  in.shard_tokens = 50;
  absl::StatusOr<ImportReport> imported = ImportTable(in);
  if (!imported.ok()) return imported.status();
  EXPECT_TRUE(VerifyTable(in.output)->findings.empty());
  return imported->content_digest;
}

RandomTableOptions Shape(Random* random) {
  RandomTableOptions o = testing::RandomShape(random);
  o.header.k = 1 + o.header.k % 8;
  o.header.k = std::min(o.header.k, o.header.num_experts);
  o.header.eod_token = -1;
  o.header.cross_document = false;
  o.lengths.push_back(7);
  return o;
}

TEST(ExportTable, EveryLosslessFormatImportsToTheSameDigest) {
  Random random(21);
  for (int round = 0; round < 4; ++round) {
    RandomTableOptions o = Shape(&random);
    o.header.tokenizer_digest = testing::RandomIndex(o)->digest();
    for (const char* format : {"npz", "npy", "tensor", "megatron"}) {
      const auto table = MakeRandomTable(o, NewFolder());
      const auto digest = RoundTrip(o, *table, format);
      ASSERT_TRUE(digest.ok()) << format << ": " << digest.status();
      EXPECT_EQ(*digest, table->content_digest()) << format;
    }
    o.header.weight_type = WeightType::kNone;
    for (const char* format : {"routed-experts", "trace-jsonl"}) {
      RandomTableOptions p = o;
      if (format[0] == 't') {  // a trace has no line for a step without tokens' k
        for (uint32_t& length : p.lengths) length = std::max(length, 1u);
        p.header.tokenizer_digest = testing::RandomIndex(p)->digest();
      }
      const auto table = MakeRandomTable(p, NewFolder());
      const auto digest = RoundTrip(p, *table, format);
      ASSERT_TRUE(digest.ok()) << format << ": " << digest.status();
      EXPECT_EQ(*digest, table->content_digest()) << format;
    }
  }
}

TEST(ExportTable, AnImportThatStatesTooFewExpertsIsRefusedInEveryFormat) {
  for (const char* format :
       {"npz", "npy", "tensor", "megatron", "reference", "routed-experts", "trace-jsonl"}) {
    RandomTableOptions o;
    o.lengths = {40, 30};
    o.header.num_experts = 9;
    o.header.k = 3;
    if (format == std::string("reference")) o.header.weight_type = WeightType::kFloat32;
    const auto table = MakeRandomTable(o, NewFolder());
    ASSERT_TRUE(RoundTrip(o, *table, format).ok()) << format;
    RandomTableOptions few = o;
    few.header.num_experts = 5;
    const absl::Status status = RoundTrip(few, *table, format).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << format << ": " << status;
    EXPECT_NE(status.message().find("not below 5"), absl::string_view::npos) << format << ": " << status;
  }
}

TEST(ExportTable, MegatronPairsHoldTheSameIdsByteForByte) {
  RandomTableOptions o;
  o.lengths = {4, 3};
  o.header.num_experts = 300;
  const auto table = MakeRandomTable(o, NewFolder());
  ExportOptions out;
  out.format = "megatron";
  out.output = NewFolder() + "/p";
  const auto report = ExportTable(*table, out);
  ASSERT_TRUE(report.ok()) << report.status();
  const auto pair = *IndexedDataset::Open(report->ids);
  EXPECT_EQ(pair->type(), TokenType::kUint16);
  ASSERT_EQ(pair->num_sequences(), 2);
  for (uint64_t s = 0; s < 2; ++s) EXPECT_EQ(pair->sequence_bytes(s), table->Routes(s, 0)->ids);
}

TEST(ExportTable, TheReferencesPairIsSortedAndComesBackWithTheAssumedPairing) {
  RandomTableOptions o;
  o.lengths = {9};
  o.header.k = 3;
  o.header.weight_type = WeightType::kFloat32;
  const auto table = MakeRandomTable(o, NewFolder());
  const auto digest = RoundTrip(o, *table, "reference");
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_NE(*digest, table->content_digest());
  o.header.num_layer_groups = 2;
  ExportOptions out;
  out.format = "reference";
  out.output = NewFolder() + "/p";
  EXPECT_EQ(ExportTable(*MakeRandomTable(o, NewFolder()), out).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ExportTable, RefusesFormatsThatCannotHoldTheTable) {
  RandomTableOptions o;
  o.lengths = {9};
  o.header.weight_type = WeightType::kFloat32;
  const auto table = MakeRandomTable(o, NewFolder());
  for (const char* format : {"routed-experts", "trace-jsonl", "pickle"}) {
    ExportOptions out;
    out.format = format;
    out.output = NewFolder() + "/p";
    EXPECT_EQ(ExportTable(*table, out).status().code(), absl::StatusCode::kInvalidArgument) << format;
    EXPECT_FALSE(FileSystem::Local().Exists(out.output));
  }
}

}  // namespace
}  // namespace grouter
