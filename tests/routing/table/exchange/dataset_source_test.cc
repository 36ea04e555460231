#include "routing/table/exchange/dataset_source.h"

#include "data/indexed_dataset.h"
#include "gtest/gtest.h"
#include "routing/table/weights.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

std::string WritePair(TokenType type, const std::vector<std::string>& sequences) {
  const std::string prefix = testing::NewFolder() + "/pair";
  auto writer = *IndexedDatasetWriter::Create(FileSystem::Local(), prefix, type);
  for (const std::string& sequence : sequences) {
    EXPECT_TRUE(writer.AddSequenceBytes(sequence).ok());
    writer.EndDocument();
  }
  EXPECT_TRUE(writer.Finish().ok());
  return prefix;
}

std::string Floats(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
}

TEST(DatasetSource, ReadsLayerGroupThenTokenThenK) {
  DatasetSourceOptions options;
  options.ids_prefix = WritePair(TokenType::kUint8, {std::string("\0\1\2\3\4\5\6\7", 8), ""});
  options.num_layer_groups = 2;
  options.k = 2;
  options.num_experts = 8;
  const auto source = OpenDatasetSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->shape().lengths, (std::vector<uint32_t>{2, 0}));
  TableHeader h;
  h.num_experts = 8;
  h.k = 2;
  std::vector<RouteBuffer> buffers(2, RouteBuffer(h, 2));
  ASSERT_TRUE((*source)->Read(0, &buffers).ok());
  EXPECT_EQ(buffers[1].view().Id(0, 0), 4);
  EXPECT_EQ(buffers[1].view().Id(1, 1), 7);
  EXPECT_EQ(*(*source)->LargestId({}), 7);
}

TEST(DatasetSource, TheReferencesPairIsStoredHighestScoreFirstAndSaysWhatWasAssumed) {
  DatasetSourceOptions options;
  options.ids_prefix = WritePair(TokenType::kUint8, {std::string("\1\5\7", 3)});
  options.weights_prefix = WritePair(TokenType::kFloat32, {Floats({0.1f, 0.3f, 0.6f})});
  options.k = 3;
  options.num_experts = 8;
  options.reference = true;
  const auto source = OpenDatasetSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  TableHeader h;
  h.num_experts = 8;
  h.k = 3;
  h.weight_type = WeightType::kFloat32;
  std::vector<RouteBuffer> buffers(1, RouteBuffer(h, 1));
  ASSERT_TRUE((*source)->Read(0, &buffers).ok());
  EXPECT_EQ(buffers[0].view().Id(0, 0), 7);
  EXPECT_EQ(buffers[0].view().Id(0, 2), 1);
  EXPECT_EQ(WeightAt(buffers[0].view().weights, WeightType::kFloat32, 0), 0.6f);
  ASSERT_EQ((*source)->assumptions().size(), 1);
  EXPECT_EQ((*source)->assumptions()[0].find("pairing:"), 0);
}

TEST(DatasetSource, RefusesWhatDoesNotFit) {
  DatasetSourceOptions options;
  options.ids_prefix = WritePair(TokenType::kUint8, {"12345"});
  EXPECT_EQ(OpenDatasetSource(options).status().code(), absl::StatusCode::kInvalidArgument);  // no k
  options.k = 2;
  EXPECT_EQ(OpenDatasetSource(options).status().code(), absl::StatusCode::kInvalidArgument);  // 5 = 2 x ?
  options.k = 5;
  EXPECT_TRUE(OpenDatasetSource(options).ok());
  options.weights_prefix = WritePair(TokenType::kFloat32, {Floats({1, 2})});
  EXPECT_EQ(OpenDatasetSource(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.weights_prefix.clear();
  options.ids_prefix = WritePair(TokenType::kFloat32, {Floats({1, 2, 3, 4, 5})});
  EXPECT_EQ(OpenDatasetSource(options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
