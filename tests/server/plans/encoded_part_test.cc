#include "server/plans/encoded_part.h"

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TEST(EncodedPartTest, PiecesOfAnyRangeAreThatRange) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> planes(random.Below(6));
    PlanPayload payload;
    payload.head = std::string(random.Below(20), 'h');
    for (std::string& plane : planes) {
      plane.assign(random.Below(20), static_cast<char>('a' + random.Below(26)));
      payload.planes.push_back(plane);
    }
    const std::string whole = payload.Flatten();
    const uint64_t offset = random.Below(whole.size() + 1);
    const uint64_t size = random.Below(whole.size() - offset + 1);
    std::string joined;
    for (const absl::string_view piece : PiecesOf(payload, offset, size)) {
      EXPECT_FALSE(piece.empty());
      joined.append(piece.data(), piece.size());
    }
    EXPECT_EQ(joined, whole.substr(offset, size));
  }
}

TEST(EncodedPartDeathTest, DiesPastTheEnd) {
  PlanPayload payload;
  payload.head = "abc";
  EXPECT_DEATH(PiecesOf(payload, 2, 2), "num_bytes");
}

}  // namespace
}  // namespace grouter
