#include "routing/planning/placement/eplb_arrays.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(EplbArraysTest, NamesSlotsExpertsAndCopies) {
  const Placement placement = {LayerPlacement::Make(3, {{2, 0}, {0, 1}, {0, kEmptySlot}}).value()};
  const EplbArrays arrays = ToEplbArrays(placement);
  EXPECT_EQ(arrays.phy2log, (std::vector<int32_t>{2, 0, 0, 1, 0, -1}));
  EXPECT_EQ(arrays.logcnt, (std::vector<int32_t>{3, 1, 1}));
  EXPECT_EQ(arrays.log2phy, (std::vector<int32_t>{1, 2, 4, 3, -1, -1, 0, -1, -1}));
  const auto back = FromEplbArrays(arrays, 3);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)[0], placement[0]);
}

TEST(EplbArraysTest, RefusesWhatIsNoPlacement) {
  EplbArrays arrays = ToEplbArrays({LayerPlacement::Contiguous(4, 2)});
  EXPECT_FALSE(FromEplbArrays(arrays, 3).ok());
  EXPECT_FALSE(FromEplbArrays(arrays, 0).ok());
  arrays.phy2log[0] = 1;
  EXPECT_FALSE(FromEplbArrays(arrays, 2).ok());
  arrays.phy2log.pop_back();
  EXPECT_FALSE(FromEplbArrays(arrays, 2).ok());
}

}  // namespace
}  // namespace grouter
