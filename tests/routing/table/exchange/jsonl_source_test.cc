#include "routing/table/exchange/jsonl_source.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/tables/memory_files.h"

namespace grouter {
namespace {

using testing::MemoryFiles;

std::string Base64(const std::vector<int32_t>& ids) {
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(ids.data()), 4 * ids.size()));
}

std::vector<RouteBuffer> ReadSample(RouteSource* source, uint64_t sample) {
  TableHeader h;
  h.num_experts = 16;
  h.k = source->shape().k;
  std::vector<RouteBuffer> buffers(source->shape().num_layer_groups,
                                   RouteBuffer(h, source->shape().lengths[sample]));
  EXPECT_TRUE(source->Read(sample, &buffers).ok());
  return buffers;
}

JsonlSourceOptions Options() {
  JsonlSourceOptions options;
  options.path = "x.jsonl";
  options.num_experts = 16;
  return options;
}

TEST(RoutedExpertsSource, TheLastTokenAndThoseBeforeTheStartHaveNoRoute) {
  MemoryFiles files;
  files.Put("x.jsonl",
            absl::StrCat("{\"meta_info\": {\"routed_experts\": \"", Base64({1, 2, 3, 4, 5, 6, 7, 8}),
                         "\", \"routed_experts_start_len\": 3}}\n\n", "{\"routed_experts\": \"",
                         Base64({9, 8, 7, 6}), "\", \"shape\": [1, 2, 2]}"));
  JsonlSourceOptions options = Options();
  options.num_layer_groups = 2;
  options.k = 2;
  const auto source = OpenRoutedExpertsSource(options, files);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->shape().lengths, (std::vector<uint32_t>{6, 2}));
  const std::vector<RouteBuffer> first = ReadSample(source->get(), 0);
  EXPECT_TRUE(first[0].view().IsMissing(2));
  EXPECT_EQ(first[0].view().Id(3, 0), 1);
  EXPECT_EQ(first[1].view().Id(3, 1), 4);
  EXPECT_EQ(first[1].view().Id(4, 1), 8);
  EXPECT_TRUE(first[1].view().IsMissing(5));
  EXPECT_EQ(ReadSample(source->get(), 1)[1].view().Id(0, 0), 7);
  EXPECT_EQ(*(*source)->LargestId({}), 9);
}

TEST(RoutedExpertsSource, NamesTheLineThatIsWrong) {
  for (const std::string& bad :
       {std::string("not json"), std::string("[1]"), std::string("{\"routed_experts\": 5}"),
        std::string("{\"routed_experts\": \"!!\"}"),
        absl::StrCat("{\"routed_experts\": \"", Base64({1, 2, 3}), "\"}"),
        absl::StrCat("{\"routed_experts\": \"", Base64({1, 2}), "\", \"shape\": [2, 1, 2]}"),
        absl::StrCat("{\"routed_experts\": \"", Base64({1, 2}), "\", \"seq_len\": 9}"),
        absl::StrCat("{\"routed_experts\": \"", Base64({1, 2}),
                     "\", \"routed_experts_start_len\": 2000000000}"),
        absl::StrCat("{\"routed_experts\": \"", Base64({1, 2}), "\", \"seq_len\": -1}")}) {
    MemoryFiles files;
    files.Put("x.jsonl", absl::StrCat("{\"routed_experts\": \"", Base64({1, 2}), "\"}\n", bad));
    JsonlSourceOptions options = Options();
    options.num_layer_groups = 1;
    options.k = 2;
    const absl::Status status = OpenRoutedExpertsSource(options, files).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_NE(status.message().find("x.jsonl line 2"), absl::string_view::npos) << status;
  }
}

TEST(RouterTraceSource, SamplesAreStepsOfRanksAndLayerGroupsAreLayers) {
  MemoryFiles files;
  files.Put(
      "x.jsonl",
      R"({"step": 1, "block": "decoder", "layer": 5, "rank": 0, "top_indices": [[1, 2]]})"
      "\n"
      R"({"step": 0, "block": "mtp", "mtp_idx": 0, "layer": 1, "rank": 0, "top_indices": [[7, 8], [9, 10]]})"
      "\n"
      R"({"step": 0, "block": "decoder", "layer": 5, "rank": 0, "top_indices": [[3, 4], [5, 6]]})"
      "\n"
      R"({"step": 1, "block": "mtp", "mtp_idx": 0, "layer": 1, "rank": 0, "top_indices": [[11, 12]]})");
  const auto source = OpenRouterTraceSource(Options(), files);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->shape().lengths, (std::vector<uint32_t>{2, 1}));
  EXPECT_EQ((*source)->shape().num_layer_groups, 2);
  EXPECT_EQ(ReadSample(source->get(), 0)[0].view().Id(1, 1), 6);
  EXPECT_EQ(ReadSample(source->get(), 0)[1].view().Id(1, 0), 9);
  EXPECT_EQ(ReadSample(source->get(), 1)[1].view().Id(0, 1), 12);
}

TEST(RouterTraceSource, RefusesMissingAndRepeatedLayersAndUnevenRows) {
  for (const char* bad :
       {R"({"step": 0, "layer": 1, "top_indices": [[1, 2]]})",
        R"({"step": 1, "layer": 2, "top_indices": [[1, 2]]})",
        R"({"step": 0, "layer": 2, "top_indices": [[1, 2], [1, 2]]})",
        R"({"step": 0, "layer": 2, "top_indices": [[1]]})",
        R"({"step": 0, "layer": 2, "top_indices": [[1, "a"]]})",
        R"({"step": 0, "layer": 2, "top_indices": [[1, 99999999999]]})", R"({"step": 0, "layer": 2})"}) {
    MemoryFiles files;
    files.Put("x.jsonl", absl::StrCat(R"({"step": 0, "layer": 1, "top_indices": [[3, 4]]})", "\n", bad));
    EXPECT_EQ(OpenRouterTraceSource(Options(), files).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

}  // namespace
}  // namespace grouter
