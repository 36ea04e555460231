#include "routing/table/exchange/route_source.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

RouteBuffer Buffer(bool per_token_k) {
  TableHeader h;
  h.num_experts = 256;
  h.k = 3;
  h.per_token_k = per_token_k;
  return RouteBuffer(h, 2);
}

TEST(TokenIds, NegativeIdsMarkAMissingRouteOrASmallerK) {
  const TokenIds ids(MissingMarkers(), 256, /*per_token_k=*/true);
  RouteBuffer buffer = Buffer(true);
  const int64_t none[3] = {-1, -1, -1}, two[3] = {255, 0, -1};
  ASSERT_TRUE(ids.Put(none, 3, 0, &buffer).ok());
  ASSERT_TRUE(ids.Put(two, 3, 1, &buffer).ok());
  EXPECT_TRUE(buffer.view().IsMissing(0));
  EXPECT_EQ(buffer.view().NumTopk(1), 2);
  EXPECT_EQ(buffer.view().Id(1, 0), 255);
}

TEST(TokenIds, AnUnusedSlotIsNotAMissingRoute) {
  RouteBuffer buffer = Buffer(true);
  const int64_t unused[3] = {kUnusedSlot, kUnusedSlot, kUnusedSlot};
  ASSERT_TRUE(TokenIds(MissingMarkers(), 256, true).Put(unused, 3, 0, &buffer).ok());
  EXPECT_FALSE(buffer.view().IsMissing(0));
  EXPECT_EQ(buffer.view().NumTopk(0), 0);
}

TEST(TokenIds, ASmallerKNeedsAPerTokenTable) {
  const TokenIds ids(MissingMarkers(), 256, /*per_token_k=*/false);
  RouteBuffer buffer = Buffer(false);
  const int64_t two[3] = {5, 0, -1};
  EXPECT_EQ(ids.Put(two, 3, 1, &buffer).code(), absl::StatusCode::kInvalidArgument);
}

TEST(TokenIds, TwoHundredFiftyFiveIsAnExpertUnlessItIsTheMarker) {
  MissingMarkers markers;
  RouteBuffer buffer = Buffer(false);
  const int64_t row[3] = {255, 255, 255}, one[3] = {255, 1, 2};
  ASSERT_TRUE(TokenIds(markers, 256, false).Put(one, 3, 0, &buffer).ok());
  EXPECT_EQ(buffer.view().Id(0, 0), 255);
  markers.value = 255;
  ASSERT_TRUE(TokenIds(markers, 256, false).Put(row, 3, 1, &buffer).ok());
  EXPECT_TRUE(buffer.view().IsMissing(1));
  EXPECT_FALSE(TokenIds(markers, 256, false).Put(one, 3, 1, &buffer).ok());  // a marker before valid ids
}

TEST(TokenIds, ADefaultFillIsMissingWhenAskedFor) {
  MissingMarkers markers;
  markers.all_equal = true;
  RouteBuffer buffer = Buffer(false);
  const int64_t zeros[3] = {0, 0, 0};
  ASSERT_TRUE(TokenIds(markers, 256, false).Put(zeros, 3, 0, &buffer).ok());
  EXPECT_TRUE(buffer.view().IsMissing(0));
}

TEST(TokenIds, AnIdPastTheExpertsIsAnError) {
  RouteBuffer buffer = Buffer(false);
  const int64_t row[3] = {1, 64, 2};
  EXPECT_EQ(TokenIds(MissingMarkers(), 64, false).Put(row, 3, 0, &buffer).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
