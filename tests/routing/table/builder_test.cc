#include "routing/table/builder.h"

#include <functional>
#include <limits>

#include "gtest/gtest.h"
#include "routing/table/assemble.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MemoryFiles;
using testing::RandomIndex;
using testing::RandomRoutes;
using testing::RandomTableOptions;
using testing::WriteRandomShard;

RandomTableOptions TwoSamples() {
  RandomTableOptions o;
  o.lengths = {4, 3};
  o.header.weight_type = WeightType::kFloat32;
  return o;
}

TableBuilderOptions BuildOptions(const RandomTableOptions& o) {
  TableBuilderOptions build;
  build.path = "t";
  build.header = o.header;
  build.index = RandomIndex(o);
  return build;
}

// The status of adding `routes` as the first sample, or of finishing after it.
absl::Status AddTo(const TableBuilderOptions& build, const std::vector<RouteView>& routes,
                   const RandomTableOptions& o) {
  MemoryFiles files;
  auto builder = TableBuilder::Create(build, files);
  if (!builder.ok()) return builder.status();
  const absl::Status added = (*builder)->AddSample(routes);
  if (!added.ok()) return added;
  const RouteBuffer second = RandomRoutes(o, 1, 0);
  const absl::Status next = (*builder)->AddSample({second.view()});
  if (!next.ok()) return next;
  return (*builder)->Finish().status();
}

TEST(TableBuilder, RefusesBadRoutesNamingSampleAndToken) {
  const RandomTableOptions o = TwoSamples();
  const TableBuilderOptions build = BuildOptions(o);
  const auto message = [&](const RouteBuffer& buffer) {
    const absl::Status status = AddTo(build, {buffer.view()}, o);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  RouteBuffer bad_id = RandomRoutes(o, 0, 0);
  bad_id.SetId(2, 1, 8);
  EXPECT_NE(message(bad_id).find("sample 0, layer group 0: an expert id is not below 8 (token 2)"),
            std::string::npos);
  RouteBuffer nan = RandomRoutes(o, 0, 0);
  nan.SetWeight(3, 0, std::numeric_limits<float>::quiet_NaN());
  EXPECT_NE(message(nan).find("a gate weight is not finite (token 3)"), std::string::npos);
  RouteBuffer infinite = RandomRoutes(o, 0, 0);
  infinite.SetWeight(1, 1, std::numeric_limits<float>::infinity());
  EXPECT_NE(message(infinite).find("token 1"), std::string::npos);
  RouteBuffer twice = RandomRoutes(o, 0, 0);
  twice.SetId(1, 0, 5);
  twice.SetId(1, 1, 5);
  EXPECT_NE(message(twice).find("expert 5 occurs twice (token 1)"), std::string::npos);
  EXPECT_NE(message(RandomRoutes(o, 1, 0)).find("routes of 3 tokens"), std::string::npos);
  EXPECT_EQ(AddTo(build, {}, o).code(), absl::StatusCode::kInvalidArgument);
}

TEST(TableBuilder, RefusesATokenWithMoreThanKExperts) {
  RandomTableOptions o = TwoSamples();
  o.header.per_token_k = true;
  RouteBuffer buffer = RandomRoutes(o, 0, 0);
  buffer.SetNumTopk(2, 3);
  const absl::Status status = AddTo(BuildOptions(o), {buffer.view()}, o);
  EXPECT_NE(status.message().find("num_topk is larger than k (token 2)"), absl::string_view::npos) << status;
}

TEST(TableBuilder, RefusesBadHeadersNamingTheField) {
  const RandomTableOptions o = TwoSamples();
  const auto refused = [&](absl::string_view field, const std::function<void(TableBuilderOptions*)>& change) {
    TableBuilderOptions build = BuildOptions(o);
    change(&build);
    MemoryFiles files;
    const absl::Status status = TableBuilder::Create(build, files).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(field), absl::string_view::npos) << status;
  };
  refused("num_experts", [](TableBuilderOptions* b) { b->header.num_experts = 1; });
  refused("num_experts", [](TableBuilderOptions* b) { b->header.num_experts = 65537; });
  refused("k is 17", [](TableBuilderOptions* b) { b->header.k = 17; });
  refused("k is 9", [](TableBuilderOptions* b) { b->header.k = 9; });
  refused("num_layer_groups", [](TableBuilderOptions* b) { b->header.num_layer_groups = 0; });
  refused("sample_index_digest", [](TableBuilderOptions* b) { b->header.sample_index_digest = Sha256("x"); });
  refused("first_sample", [](TableBuilderOptions* b) { b->first_sample = 3; });
  refused("index", [](TableBuilderOptions* b) { b->index = nullptr; });
}

TEST(TableBuilder, NeedsAllSamplesOfItsRange) {
  const RandomTableOptions o = TwoSamples();
  MemoryFiles files;
  auto builder = *TableBuilder::Create(BuildOptions(o), files);
  EXPECT_EQ(builder->next_sample(), 0);
  ASSERT_TRUE(builder->AddSample({RandomRoutes(o, 0, 0).view()}).ok());
  EXPECT_EQ(builder->next_sample(), 1);
  EXPECT_EQ(builder->Finish().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(TableBuilder, StoresEqualRoutesAsEqualBytesWhateverUnusedIdsHold) {
  RandomTableOptions o = TwoSamples();
  o.header.per_token_k = true;
  std::string shards[2];
  for (int dirty = 0; dirty < 2; ++dirty) {
    MemoryFiles files;
    auto builder = *TableBuilder::Create(BuildOptions(o), files);
    for (uint64_t s = 0; s < 2; ++s) {
      RouteBuffer buffer = RandomRoutes(o, s, 0);
      buffer.SetNumTopk(0, 1);
      buffer.SetMissing(1);
      if (dirty == 1) {
        buffer.SetId(0, 1, 200);
        buffer.SetWeight(0, 1, std::numeric_limits<float>::quiet_NaN());
        buffer.SetId(1, 0, 255);
        buffer.SetNumTopk(1, 2);
      } else {
        buffer.SetId(0, 1, 0);
      }
      ASSERT_TRUE(builder->AddSample({buffer.view()}).ok());
    }
    ASSERT_TRUE(builder->Finish().ok());
    shards[dirty] = files.Get("t/000000000000-000000000002.shard");
    ASSERT_TRUE(FinishTable("t", {}, files).ok());
    EXPECT_TRUE(VerifyTable("t", {}, files)->findings.empty());
  }
  EXPECT_EQ(shards[0], shards[1]);
}

TEST(TableBuilder, KilledAtAnyWriteLeavesFinishedShardsAndNoHalfOne) {
  RandomTableOptions o;
  o.lengths = {40, 30, 20, 10};
  uint64_t calls = 0;
  for (uint64_t kill = 0;; ++kill) {
    MemoryFiles files;
    ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 0, 2, "t", files).ok());
    files.DieAt(kill);
    absl::Status status = WriteRandomShard(o, RandomIndex(o), 2, 2, "t", files);
    if (status.ok()) status = FinishTable("t", {}, files).status();
    const bool died = files.died();
    EXPECT_EQ(status.ok(), !died);
    files.Revive();
    // Re-opened after the kill: what is there is whole. The job runs again and skips what is finished.
    TableBuilderOptions build;
    build.path = "t";
    build.header = o.header;
    build.index = RandomIndex(o);
    build.num_samples = 2;
    EXPECT_TRUE(TableBuilder::IsFinished(build, files));
    if (files.Exists("t/MANIFEST")) {
      EXPECT_TRUE(VerifyTable("t", {}, files)->findings.empty());
    }
    build.first_sample = 2;
    if (!TableBuilder::IsFinished(build, files)) {
      ASSERT_TRUE(WriteRandomShard(o, RandomIndex(o), 2, 2, "t", files).ok());
    }
    ASSERT_TRUE(FinishTable("t", {}, files).ok());
    EXPECT_TRUE(VerifyTable("t", {}, files)->findings.empty()) << "killed at call " << kill;
    EXPECT_EQ(files.List("t")->size(), 3) << "something is left behind by the kill at call " << kill;
    calls = kill;
    if (!died) break;
  }
  EXPECT_GT(calls, 10);
}

TEST(TableBuilder, AFullDiskIsAnErrorThatLeavesNoFile) {
  RandomTableOptions o;
  o.lengths = {4000, 3000};
  for (uint64_t capacity : {0, 4095, 4096, 9000, 18000}) {
    MemoryFiles files;
    files.SetCapacity(capacity);
    const absl::Status status = WriteRandomShard(o, RandomIndex(o), 0, 2, "t", files);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << capacity << status;
    EXPECT_TRUE(files.List("t")->empty());
  }
}

TEST(TableBuilder, SumsUpWhatItWrote) {
  RandomTableOptions o;
  o.lengths = {400, 300};
  o.header.weight_type = WeightType::kBFloat16;
  MemoryFiles files;
  auto builder = *TableBuilder::Create(BuildOptions(o), files);
  for (uint64_t s = 0; s < 2; ++s) ASSERT_TRUE(builder->AddSample({RandomRoutes(o, s, 0).view()}).ok());
  const auto summary = builder->Finish();
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->num_tokens, 700);
  EXPECT_EQ(summary->route_bytes, 700 * (2 + 4));
  EXPECT_EQ(summary->route_bytes + summary->overhead_bytes + summary->statistics_bytes,
            files.Get(summary->path).size());
}

TEST(TableBuilder, CountsMoreThan2To32Tokens) {
  // k = 0: such tokens take no bytes.
  TableBuilderOptions build;
  build.path = "t";
  build.header.num_experts = 8;
  build.header.k = 0;
  build.index = *SampleIndex::FromLengths(std::vector<uint32_t>(3, INT32_MAX), {});
  MemoryFiles files;
  auto builder = TableBuilder::Create(build, files);
  ASSERT_TRUE(builder.ok()) << builder.status();
  RouteView routes;
  routes.num_tokens = INT32_MAX;
  for (int s = 0; s < 3; ++s) ASSERT_TRUE((*builder)->AddSample({routes}).ok());
  const auto summary = (*builder)->Finish();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->num_tokens, 3 * uint64_t{INT32_MAX});
  ASSERT_TRUE(FinishTable("t", {}, files).ok());
  const auto table = RoutingTable::Open("t", files);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->num_tokens(), 3 * uint64_t{INT32_MAX});
  EXPECT_EQ((*table)->Statistics(0)->num_tokens, 3 * uint64_t{INT32_MAX});
}

}  // namespace
}  // namespace grouter
