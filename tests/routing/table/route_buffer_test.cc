#include "routing/table/route_buffer.h"

#include "gtest/gtest.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

TableHeader Wide() {
  TableHeader h;
  h.num_experts = 300;
  h.k = 3;
  h.per_token_k = true;
  h.weight_type = WeightType::kFloat16;
  return h;
}

TEST(RouteBuffer, GivesBackWhatWasSet) {
  RouteBuffer buffer(Wide(), 9);
  buffer.SetId(8, 2, 299);
  buffer.SetWeight(8, 2, 0.75f);
  buffer.SetNumTopk(4, 1);
  const RouteView view = buffer.view();
  EXPECT_EQ(view.Id(8, 2), 299);
  EXPECT_EQ(WeightAt(view.weights, WeightType::kFloat16, 26), 0.75f);
  EXPECT_EQ(view.NumTopk(4), 1);
  EXPECT_EQ(view.NumTopk(5), 3);
  EXPECT_TRUE(view.missing.empty());
}

TEST(RouteBuffer, AMissingRouteHasNoExperts) {
  RouteBuffer buffer(Wide(), 9);
  buffer.SetMissing(8);
  EXPECT_TRUE(buffer.view().IsMissing(8));
  EXPECT_FALSE(buffer.view().IsMissing(7));
  EXPECT_EQ(buffer.view().NumTopk(8), 0);
}

TEST(RouteBuffer, TakesAWholePlaneOfIds) {
  RouteBuffer buffer(Wide(), 1);
  buffer.SetIds(absl::string_view("\x2b\x01\x00\x00\x05\x00", 6));
  EXPECT_EQ(buffer.view().Id(0, 0), 299);
  EXPECT_EQ(buffer.view().Id(0, 2), 5);
}

TEST(RouteBuffer, ResetForgetsEverything) {
  RouteBuffer buffer(Wide(), 2);
  buffer.SetId(0, 0, 5);
  buffer.SetMissing(1);
  buffer.Reset(4);
  const RouteView view = buffer.view();
  EXPECT_EQ(view.num_tokens, 4);
  EXPECT_EQ(view.Id(0, 0), 0);
  EXPECT_TRUE(view.missing.empty());
  EXPECT_EQ(view.num_topk, std::string(4, 3));
}

}  // namespace
}  // namespace grouter
