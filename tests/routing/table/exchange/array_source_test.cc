#include "routing/table/exchange/array_source.h"

#include <cstring>

#include "gtest/gtest.h"

namespace grouter {
namespace {

// ids[i] = i, of `shape`, one byte each.
struct Array {
  explicit Array(std::vector<uint64_t> shape) {
    uint64_t count = 1;
    for (uint64_t d : shape) count *= d;
    for (uint64_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i));
    view = {TensorType::kU8, std::move(shape), bytes};
  }
  std::string bytes;
  ArrayView view;
};

std::vector<uint32_t> Ids(RouteSource* source, uint64_t sample, uint32_t group) {
  TableHeader h;
  h.num_experts = 256;
  h.k = source->shape().k;
  std::vector<RouteBuffer> buffers(source->shape().num_layer_groups,
                                   RouteBuffer(h, source->shape().lengths[sample]));
  EXPECT_TRUE(source->Read(sample, &buffers).ok());
  std::vector<uint32_t> ids;
  for (uint32_t t = 0; t < buffers[group].num_tokens(); ++t) {
    for (uint32_t i = 0; i < h.k; ++i) ids.push_back(buffers[group].view().Id(t, i));
  }
  return ids;
}

TEST(ArraySource, ReadsLayersTokensWithLengths) {
  const Array ids({2, 3, 2});
  const std::string lengths("\1\2", 2);
  ArraySourceOptions options;
  options.ids = ids.view;
  options.lengths = ArrayView{TensorType::kI8, {2}, lengths};
  options.num_experts = 256;
  const auto source = MakeArraySource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->shape().lengths, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(Ids(source->get(), 0, 1), (std::vector<uint32_t>{6, 7}));
  EXPECT_EQ(Ids(source->get(), 1, 0), (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_EQ(*(*source)->LargestId({}), 11);
}

TEST(ArraySource, ReadsTokensLayersAndPaddedSamples) {
  const Array flat({3, 2, 2}), padded({2, 3, 1, 2});
  ArraySourceOptions options;
  options.layout = ArrayLayout::kTokensLayers;
  options.ids = flat.view;
  options.num_experts = 256;
  EXPECT_EQ(Ids(MakeArraySource(options)->get(), 0, 1), (std::vector<uint32_t>{2, 3, 6, 7, 10, 11}));
  options.layout = ArrayLayout::kSamplesTokensLayers;
  options.ids = padded.view;
  const std::string lengths("\3\2", 2);
  options.lengths = ArrayView{TensorType::kU8, {2}, lengths};
  EXPECT_EQ(Ids(MakeArraySource(options)->get(), 1, 0), (std::vector<uint32_t>{6, 7, 8, 9}));
}

TEST(ArraySource, RefusesShapesAndLengthsThatDoNotFit) {
  const Array ids({2, 3, 2}), wide({1, 17}), deep({1, 1, 1, 1, 1});
  const auto refused = [](const ArraySourceOptions& options) {
    return MakeArraySource(options).status().code() == absl::StatusCode::kInvalidArgument;
  };
  ArraySourceOptions options;
  options.ids = wide.view;
  EXPECT_TRUE(refused(options));
  options.ids = deep.view;
  EXPECT_TRUE(refused(options));
  options.ids = ids.view;
  for (const char* lengths : {"\1\1", "\2\2", "\4"}) {
    options.lengths = ArrayView{TensorType::kI8, {strlen(lengths)}, lengths};
    EXPECT_TRUE(refused(options));
  }
  options.lengths.reset();
  options.weights = wide.view;
  EXPECT_TRUE(refused(options));
  options.weights = ids.view;  // integers
  EXPECT_TRUE(refused(options));
  options.weights.reset();
  options.ids.type = TensorType::kF32;
  EXPECT_TRUE(refused(options));
}

}  // namespace
}  // namespace grouter
