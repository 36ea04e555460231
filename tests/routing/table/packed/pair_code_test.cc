#include "routing/table/packed/pair_code.h"

#include <array>

#include "gtest/gtest.h"
#include "routing/table/packed/range_coder.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::RandomRoutes;
using testing::RandomTableOptions;

TEST(RangeCoder, GivesBackWhatWasPutForAnyTotals) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::array<uint32_t, 3>> symbols;
    RangeEncoder encoder;
    for (uint32_t i = 0; i < random.Below(300); ++i) {
      const uint32_t total = 1 + static_cast<uint32_t>(random.Below(random.Below(2) == 0 ? 3 : 0xfffffff0u));
      const uint32_t start = static_cast<uint32_t>(random.Below(total));
      const uint32_t frequency = 1 + static_cast<uint32_t>(random.Below(total - start));
      symbols.push_back({start, frequency, total});
      encoder.Put(start, frequency, total);
    }
    const std::string bytes = encoder.Finish();
    RangeDecoder decoder(bytes);
    for (const auto& [start, frequency, total] : symbols) {
      const uint32_t point = decoder.Point(total);
      ASSERT_GE(point, start);
      ASSERT_LT(point, start + frequency);
      decoder.Take(start, frequency);
    }
    EXPECT_TRUE(decoder.AtEnd());
  }
}

RandomTableOptions Shape(uint32_t experts, uint32_t k, bool per_token_k) {
  RandomTableOptions o;
  o.header.num_experts = experts;
  o.header.k = k;
  o.header.per_token_k = per_token_k;
  o.lengths = {500, 1, 90};
  o.skew = 2;
  return o;
}

TEST(PairCode, GivesBackTheIdsOfAnyShape) {
  for (uint32_t experts : {2u, 7u, 32u, 128u, 256u}) {
    for (bool per_token_k : {false, true}) {
      const RandomTableOptions o = Shape(experts, std::min(experts, 5u), per_token_k);
      PairCounts counts(experts, o.header.k);
      for (uint64_t s = 0; s < 3; ++s) counts.Add(RandomRoutes(o, s, 0).view());
      ByteWriter out;
      PairModel::FromCounts(counts).Encode(&out);
      ByteReader in(out.bytes());
      const auto model = PairModel::Decode(experts, o.header.k, &in);
      ASSERT_TRUE(model.ok()) << model.status();
      for (uint64_t s = 0; s < 3; ++s) {
        const RouteBuffer routes = RandomRoutes(o, s, 0);
        const RouteView view = routes.view();
        const auto bytes = model->EncodeIds(view);
        ASSERT_TRUE(bytes.ok()) << bytes.status();
        std::vector<uint8_t> used(view.num_tokens), ids(view.num_tokens * size_t{view.k});
        for (uint32_t t = 0; t < view.num_tokens; ++t) used[t] = static_cast<uint8_t>(view.NumTopk(t));
        EXPECT_TRUE(
            model->DecodeIds(*bytes, view.num_tokens, per_token_k ? used.data() : nullptr, ids.data()));
        EXPECT_EQ(std::string(ids.begin(), ids.end()), view.ids);
      }
    }
  }
}

TEST(PairCode, ExpertsThatComeTogetherCostLess) {
  RandomTableOptions o = Shape(32, 4, false);
  o.lengths = {4000};
  RouteBuffer routes(o.header, 4000);
  Random random(5);
  uint32_t first = 0;
  for (uint32_t t = 0; t < 4000; ++t) {
    if (random.Below(4) == 0) first = static_cast<uint32_t>(random.Below(8)) * 4;
    for (uint32_t j = 0; j < 4; ++j) routes.SetId(t, j, first + j);
  }
  PairCounts counts(32, 4);
  counts.Add(routes.view());
  double bits = 0;
  ASSERT_TRUE(PairModel::FromCounts(counts).EncodeIds(routes.view(), &bits).ok());
  EXPECT_LT(bits / 4000, 4);  // 20 without a model, 12 for four ids of known order
}

TEST(PairCode, RefusesAnExpertTwiceAndReadsDamagedBytesAsOtherIds) {
  const RandomTableOptions o = Shape(8, 2, false);
  PairCounts counts(8, 2);
  counts.Add(RandomRoutes(o, 0, 0).view());
  const PairModel model = PairModel::FromCounts(counts);
  RouteBuffer twice(o.header, 1);
  twice.SetId(0, 0, 3);
  twice.SetId(0, 1, 3);
  EXPECT_EQ(model.EncodeIds(twice.view()).status().code(), absl::StatusCode::kInvalidArgument);
  Random random(6);
  const std::string good = model.EncodeIds(RandomRoutes(o, 0, 0).view()).value();
  for (int round = 0; round < 200; ++round) {
    std::string bad = good.substr(0, random.Below(good.size()));
    if (!bad.empty()) bad[random.Below(bad.size())] ^= static_cast<char>(1 + random.Below(255));
    std::vector<uint8_t> ids(1000);
    model.DecodeIds(bad, 500, nullptr, ids.data());
    for (uint8_t id : ids) ASSERT_LT(id, 8);
  }
}

}  // namespace
}  // namespace grouter
