#include "server/stream/part_cursor.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace grouter {
namespace {

using Parts = std::vector<std::pair<uint64_t, uint32_t>>;

Parts Walk(PartCursor cursor) {
  Parts parts;
  for (; !cursor.done(); cursor.Advance()) parts.push_back({cursor.step(), cursor.part()});
  return parts;
}

TEST(PartCursorTest, WalksStepPartsAndMicroBatchesInOrder) {
  EXPECT_EQ(Walk(PartCursor(4, 0, 6, 2, true, true)),
            (Parts{{4, 0}, {4, 1}, {4, 2}, {5, 0}, {5, 1}, {5, 2}}));
}

TEST(PartCursorTest, SkipsWhatIsLeftOut) {
  EXPECT_EQ(Walk(PartCursor(0, 0, 3, 2, true, false)), (Parts{{0, 0}, {1, 0}, {2, 0}}));
  EXPECT_EQ(Walk(PartCursor(0, 0, 2, 2, false, true)), (Parts{{0, 1}, {0, 2}, {1, 1}, {1, 2}}));
  EXPECT_EQ(Walk(PartCursor(0, 2, 2, 2, true, false)), (Parts{{1, 0}}));
  EXPECT_TRUE(Walk(PartCursor(0, 0, 2, 2, false, false)).empty());
}

TEST(PartCursorTest, BeginsInTheMiddleAndStopsAfterAPart) {
  EXPECT_EQ(Walk(PartCursor(1, 2, 2, 2, true, true)), (Parts{{1, 2}}));
  PartCursor cursor(1, 1, 2, 4, true, true);
  cursor.StopAfter(1);
  EXPECT_EQ(Walk(cursor), (Parts{{1, 1}}));
}

TEST(PartCursorTest, KnowsTheLastPartOfAStep) {
  PartCursor cursor(0, 1, 2, 2, true, true);
  EXPECT_FALSE(cursor.IsLastOfStep());
  cursor.Advance();
  EXPECT_TRUE(cursor.IsLastOfStep());
}

}  // namespace
}  // namespace grouter
