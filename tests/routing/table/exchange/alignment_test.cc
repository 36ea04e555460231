#include "routing/table/exchange/alignment.h"

#include <functional>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/table/route_buffer.h"

namespace grouter {
namespace {

// Text whose tokens mostly decide their experts: E 64, k 4, one of four experts is noise.
class AlignmentTest : public ::testing::Test {
 protected:
  AlignmentTest() {
    header_.num_experts = 64;
    header_.k = 4;
    Random random(5);
    for (auto& sample : tokens_) {
      sample.resize(512);
      for (uint32_t& token : sample) token = static_cast<uint32_t>(random.Uniform() * random.Uniform() * 300);
    }
  }

  uint32_t Expert(uint32_t token, uint32_t rank) {
    return static_cast<uint32_t>((Mix64(token * 8 + rank) % 16) * 4 + rank);
  }

  // Routes whose row r belongs to token position(r); rows without a token get random experts.
  RouteBuffer Routes(const std::vector<uint32_t>& tokens, uint32_t rows,
                     const std::function<int64_t(uint32_t)>& position) {
    RouteBuffer buffer(header_, rows);
    for (uint32_t r = 0; r < rows; ++r) {
      const int64_t t = position(r);
      const uint32_t token = t >= 0 && t < static_cast<int64_t>(tokens.size())
                                 ? tokens[t]
                                 : static_cast<uint32_t>(noise_.Next());
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t expert =
            i == noise_.Below(4) ? static_cast<uint32_t>(noise_.Below(16) * 4 + i) : Expert(token, i);
        buffer.SetId(r, i, expert);
      }
    }
    return buffer;
  }

  AlignmentReport Check(uint32_t rows, const std::function<int64_t(uint32_t)>& position) {
    std::vector<RouteBuffer> buffers;
    for (const auto& tokens : tokens_) buffers.push_back(Routes(tokens, rows, position));
    std::vector<AlignmentSample> samples;
    for (size_t i = 0; i < buffers.size(); ++i) samples.push_back({tokens_[i], buffers[i].view()});
    return CheckAlignment(samples);
  }

  TableHeader header_;
  std::vector<std::vector<uint32_t>> tokens_{8};
  Random noise_{9};
};

TEST_F(AlignmentTest, AlignedRoutesAreAligned) {
  const AlignmentReport report = Check(512, [](uint32_t r) { return r; });
  EXPECT_EQ(report.verdict, Alignment::kAligned) << report.words;
  EXPECT_GT(report.agreement, 2 * report.chance);
}

TEST_F(AlignmentTest, RoutesWithoutTheLastTokenAreStillAligned) {
  EXPECT_EQ(Check(511, [](uint32_t r) { return r; }).verdict, Alignment::kAligned);
}

TEST_F(AlignmentTest, OffByOneIsToldWithItsDirection) {
  for (int64_t offset : {-1, 1, 2}) {
    const AlignmentReport report = Check(512, [offset](uint32_t r) { return r + offset; });
    EXPECT_EQ(report.verdict, Alignment::kShifted) << report.words;
    EXPECT_EQ(report.offset, offset);
  }
}

TEST_F(AlignmentTest, PaddingIsToldAtEitherEnd) {
  const AlignmentReport after = Check(640, [](uint32_t r) { return r; });
  EXPECT_EQ(after.verdict, Alignment::kPadded) << after.words;
  EXPECT_EQ(after.padding, 8 * 128);
  EXPECT_EQ(after.offset, 0);
  const AlignmentReport before = Check(640, [](uint32_t r) { return int64_t{r} - 128; });
  EXPECT_EQ(before.verdict, Alignment::kPadded) << before.words;
  EXPECT_LT(before.offset, 0);
}

TEST_F(AlignmentTest, ContextParallelSlicesAreToldWithSizeAndRank) {
  for (uint32_t size : {2u, 4u, 8u}) {
    for (uint32_t rank : {0u, size - 1}) {
      const uint32_t chunk = 512 / (2 * size);
      const AlignmentReport report = Check(2 * chunk, [=](uint32_t r) -> int64_t {
        return r < chunk ? rank * chunk + r : (2 * size - 1 - rank) * chunk + r - chunk;
      });
      EXPECT_EQ(report.verdict, Alignment::kContextParallel) << report.words;
      EXPECT_EQ(report.cp_size, size);
      EXPECT_EQ(report.cp_rank, rank);
    }
  }
}

TEST_F(AlignmentTest, RoutesOfOtherTokensAgreeWithNothing) {
  const AlignmentReport report = Check(512, [](uint32_t) { return -1; });
  EXPECT_EQ(report.verdict, Alignment::kUnknown) << report.words;
  EXPECT_EQ(CheckAlignment({}).verdict, Alignment::kUnknown);
}

}  // namespace
}  // namespace grouter
