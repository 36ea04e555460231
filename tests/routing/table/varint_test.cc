#include "routing/table/varint.h"

#include <vector>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(Varint, SurvivesEncoding) {
  std::string bytes;
  std::vector<uint64_t> values = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
  for (uint64_t value : values) PutVarint(value, &bytes);
  absl::string_view in = bytes;
  for (uint64_t value : values) {
    uint64_t got;
    ASSERT_TRUE(GetVarint(&in, &got));
    EXPECT_EQ(got, value);
  }
  EXPECT_TRUE(in.empty());
}

TEST(Varint, RefusesCutLongAndNotShortestForms) {
  for (absl::string_view bytes :
       {absl::string_view(""), absl::string_view("\x80", 1), absl::string_view("\x80\x00", 2),
        absl::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10),
        absl::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)}) {
    uint64_t value;
    EXPECT_FALSE(GetVarint(&bytes, &value));
  }
}

}  // namespace
}  // namespace grouter
