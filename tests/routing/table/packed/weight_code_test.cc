#include "routing/table/packed/weight_code.h"

#include <algorithm>
#include <limits>

#include "gtest/gtest.h"
#include "routing/table/packed/plane_values.h"
#include "routing/table/weights.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::RandomRoutes;
using testing::RandomTableOptions;

WeightCode Learn(const RandomTableOptions& o) {
  WeightLearner learner(o.header.weight_type, o.header.k);
  for (uint64_t s = 0; s < o.lengths.size(); ++s) learner.See(RandomRoutes(o, s, 0).view());
  learner.EndSeeing();
  for (uint64_t s = 0; s < o.lengths.size(); ++s) learner.Add(RandomRoutes(o, s, 0).view());
  return learner.Finish();
}

// Straight from values to weights, without the planes' bytes.
std::string Through(const WeightCode& code, const RouteView& view) {
  std::vector<uint16_t> values;
  code.Values(view, &values);
  std::vector<const uint16_t*> planes;
  for (uint32_t p = 0; p < view.k; ++p) planes.push_back(&values[size_t{p} * view.num_tokens]);
  std::vector<uint8_t> used(view.num_tokens);
  bool all = true;
  for (uint32_t t = 0; t < view.num_tokens; ++t) {
    used[t] = static_cast<uint8_t>(view.NumTopk(t));
    all = all && used[t] == view.k;
  }
  std::string weights(view.weights.size(), 0);
  const std::string low_halves = code.LowHalves(view);
  EXPECT_EQ(low_halves.size(), code.LowHalfBytes(view.num_tokens));
  code.Weights(planes.data(), view.num_tokens, all ? nullptr : used.data(), low_halves, &weights[0]);
  return weights;
}

TEST(WeightCode, WeightsOfEveryTypeComeBack) {
  for (WeightType type : {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kFloat16}) {
    for (uint32_t k : {1u, 2u, 8u, 16u}) {
      for (bool per_token_k : {false, true}) {
        RandomTableOptions o;
        o.header.num_experts = 64;
        o.header.k = k;
        o.header.per_token_k = per_token_k;
        o.header.weight_type = type;
        o.lengths = {512, 3};
        const WeightCode learned = Learn(o);
        ByteWriter out;
        learned.Encode(&out);
        ByteReader in(out.bytes());
        const auto code = WeightCode::Decode(type, k, &in);
        ASSERT_TRUE(code.ok()) << code.status();
        const RouteBuffer routes = RandomRoutes(o, 0, 0);
        EXPECT_EQ(Through(*code, routes.view()), routes.view().weights);
      }
    }
  }
}

RouteBuffer SoftmaxRoutes(const TableHeader& h, uint32_t tokens) {
  Random random(7);
  RouteBuffer routes(h, tokens);
  for (uint32_t t = 0; t < tokens; ++t) {
    std::vector<float> w(h.k);
    float sum = 0;
    for (float& x : w) sum += x = static_cast<float>(0.2 + random.Uniform());
    std::sort(w.rbegin(), w.rend());
    for (uint32_t j = 0; j < h.k; ++j) {
      routes.SetId(t, j, j);
      routes.SetWeight(t, j, w[j] / sum);
    }
  }
  return routes;
}

TEST(WeightCode, TheLargestOfWeightsThatSumToOneCostsLittle) {
  RandomTableOptions o;
  o.header.num_experts = 8;
  o.header.k = 8;
  o.header.weight_type = WeightType::kBFloat16;
  const RouteBuffer routes = SoftmaxRoutes(o.header, 4096);
  WeightLearner learner(WeightType::kBFloat16, 8);
  learner.See(routes.view());
  learner.EndSeeing();
  learner.Add(routes.view());
  const WeightCode code = learner.Finish();
  std::vector<uint16_t> values;
  code.Values(routes.view(), &values);
  std::vector<uint32_t> histogram(65536);
  for (uint32_t t = 0; t < 4096; ++t) ++histogram[values[t]];
  EXPECT_LT(PlaneCodeBits(code.planes().codes[0], histogram) / 4096, 2.5);
  EXPECT_EQ(Through(code, routes.view()), routes.view().weights);
}

WeightCode LearnOne(const RouteBuffer& routes, WeightType type, uint32_t k) {
  WeightLearner learner(type, k);
  learner.See(routes.view());
  learner.EndSeeing();
  learner.Add(routes.view());
  ByteWriter out;
  learner.Finish().Encode(&out);
  ByteReader in(out.bytes());
  return *WeightCode::Decode(type, k, &in);
}

TEST(WeightCode, TheLargestOfFloatsThatSumToOneNeedsNoLowerHalf) {
  for (uint32_t k : {1u, 2u, 4u, 16u}) {
    for (bool per_token_k : {false, true}) {
      RandomTableOptions o;
      o.header.num_experts = 16;
      o.header.k = k;
      o.header.per_token_k = per_token_k;
      o.header.weight_type = WeightType::kFloat32;
      RouteBuffer routes = SoftmaxRoutes(o.header, 2048);
      for (uint32_t t = 3; t < 2048 && per_token_k; t += 7) {
        const uint32_t used = t % (k + 1);
        routes.SetNumTopk(t, used);
        for (uint32_t j = used; j < k; ++j) routes.SetWeight(t, j, 0);
      }
      const WeightCode code = LearnOne(routes, WeightType::kFloat32, k);
      EXPECT_TRUE(Through(code, routes.view()) == routes.view().weights);
      if (k == 1) continue;  // all are one: there are no lower halves
      EXPECT_TRUE(code.HasWholeRest());
      EXPECT_EQ(code.LowHalfBytes(10), 20 * (k - 1));
    }
  }
}

TEST(WeightCode, OneFloatFarFromTheSumKeepsEveryLowerHalf) {
  RandomTableOptions o;
  o.header.num_experts = 8;
  o.header.k = 4;
  o.header.weight_type = WeightType::kFloat32;
  for (float weight : {0.0f, -1.5f, 3e38f, std::numeric_limits<float>::infinity()}) {
    RouteBuffer routes = SoftmaxRoutes(o.header, 512);
    routes.SetWeight(100, 2, weight);
    const WeightCode code = LearnOne(routes, WeightType::kFloat32, 4);
    EXPECT_FALSE(code.HasWholeRest());
    EXPECT_EQ(code.LowHalfBytes(10), 80u);
    EXPECT_TRUE(Through(code, routes.view()) == routes.view().weights);
  }
}

TEST(WeightCode, LearningFromPartsGivesTheCodeOfTheWholeHoweverTheSumsSway) {
  TableHeader h;
  h.num_experts = 8;
  h.k = 2;
  h.weight_type = WeightType::kFloat32;
  // Bits of so large weights are far apart: 16 of them bridge sums that differ by more than they are rounded.
  for (float sway : {0.0f, 0.02f, 0.2f}) {
    std::vector<RouteBuffer> records;
    Random random(11);
    for (uint32_t s = 0; s < 2; ++s) {
      records.emplace_back(h, 64);
      for (uint32_t t = 0; t < 64; ++t) {
        const float rest = static_cast<float>(10 + random.Uniform());
        records[s].SetId(t, 0, 0);
        records[s].SetId(t, 1, 1);
        records[s].SetWeight(t, 0, 100 - rest + (s == 1 && t == 0 ? sway : 0));
        records[s].SetWeight(t, 1, rest);
      }
    }
    const auto bytes_of = [](WeightLearner learner, const std::vector<RouteBuffer>& seen) {
      learner.EndSeeing();
      for (const RouteBuffer& record : seen) learner.Add(record.view());
      ByteWriter out;
      learner.Finish().Encode(&out);
      return out.bytes();
    };
    WeightLearner whole(WeightType::kFloat32, 2), first = whole, second = whole, merged = whole;
    for (const RouteBuffer& record : records) whole.See(record.view());
    first.See(records[0].view());
    second.See(records[1].view());
    merged.Merge(first);
    merged.Merge(second);
    EXPECT_TRUE(bytes_of(whole, records) == bytes_of(merged, records)) << sway;
  }
}

TEST(WeightCode, UsualWeightsComeFromSymbolsWithEveryKernelRareOnesIncluded) {
  RandomTableOptions o;
  o.header.num_experts = 8;
  o.header.k = 8;
  o.header.weight_type = WeightType::kBFloat16;
  const uint32_t tokens = 2048;
  RouteBuffer routes = SoftmaxRoutes(o.header, tokens);
  for (uint32_t t = 5; t < tokens; t += 97) routes.SetWeight(t, t % 8, t % 2 == 0 ? 1e-20f : 3000.0f);
  ByteWriter bytes;
  bytes.Put<uint8_t>(0);
  bytes.Put<float>(1);
  bytes.PutArray<uint16_t>(std::vector<uint16_t>());
  for (uint32_t p = 0; p < 8; ++p) {
    bytes.Put<uint8_t>(static_cast<uint8_t>(p == 0   ? WeightStep::kRest
                                            : p == 7 ? WeightStep::kDirect
                                                     : WeightStep::kDifference));
    PlaneCode plane;
    plane.base = p == 7 ? 0x3c00 : 0;
    plane.low_bits = 4;
    plane.num_symbols = 17;
    plane.has_escape = true;
    std::fill_n(plane.frequency.begin(), 17, static_cast<uint8_t>(7));
    plane.frequency[16] = 16;
    EncodePlaneCode(plane, &bytes);
  }
  ByteReader in(bytes.bytes());
  const WeightCode code = *WeightCode::Decode(WeightType::kBFloat16, 8, &in);
  ASSERT_TRUE(code.IsFast());
  std::vector<uint16_t> values;
  code.Values(routes.view(), &values);
  const CodedPlanes coded = EncodePlanes(code.planes().codes, values, tokens);
  ASSERT_FALSE(coded.listed.empty());
  const std::string memory = coded.stream + coded.low + coded.listed;
  const absl::string_view view(memory);
  for (LaneKernel kernel : LaneKernels()) {
    PlaneReader reader(code.planes(), view.substr(0, coded.stream.size()), view,
                       view.substr(coded.stream.size(), coded.low.size()),
                       view.substr(coded.stream.size() + coded.low.size()), tokens);
    std::string weights(size_t{16} * tokens, 7);
    for (uint32_t begin = 0; begin < tokens; begin += kRunTokens) {
      reader.ReadRun(kRunTokens, kernel, nullptr);
      code.ReadWeights(&reader, kRunTokens, kernel, &weights[size_t{16} * begin]);
    }
    EXPECT_TRUE(reader.EndsWell());
    EXPECT_EQ(weights, routes.view().weights) << static_cast<int>(kernel);
  }
}

TEST(WeightCode, RefusesDamagedBytes) {
  RandomTableOptions o;
  o.header.weight_type = WeightType::kFloat16;
  o.lengths = {40};
  ByteWriter out;
  Learn(o).Encode(&out);
  for (size_t cut = 0; cut < out.size(); ++cut) {
    ByteReader in(absl::string_view(out.bytes()).substr(0, cut));
    EXPECT_FALSE(WeightCode::Decode(WeightType::kFloat16, 2, &in).ok()) << cut;
  }
  std::string bad = out.bytes();
  bad[0] = 1;  // lower halves, of f16
  ByteReader in(bad);
  EXPECT_FALSE(WeightCode::Decode(WeightType::kFloat16, 2, &in).ok());
}

}  // namespace
}  // namespace grouter
