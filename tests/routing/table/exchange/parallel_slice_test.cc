#include "routing/table/exchange/parallel_slice.h"

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TEST(ParallelSliceTest, SharesCoverEverythingOnceAndDifferByAtMostOne) {
  for (const uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{7}, uint64_t{64}, uint64_t{1} << 60}) {
    for (const uint32_t size : {1u, 2u, 3u, 7u, 64u}) {
      uint64_t next = 0;
      for (uint32_t rank = 0; rank < size; ++rank) {
        const EvenShare share = ShareOf(n, rank, size);
        EXPECT_EQ(share.first, next);
        EXPECT_LE(share.count, n / size + 1);
        EXPECT_GE(share.count, n / size);
        next += share.count;
      }
      EXPECT_EQ(next, n);
    }
  }
}

TEST(ParallelSliceTest, WithoutParallelismARankHoldsTheWholeSample) {
  const LocalTokens tokens = TokensOf(13, {});
  EXPECT_EQ(tokens.num_tokens, 13u);
  ASSERT_EQ(tokens.pieces.size(), 1u);
  EXPECT_EQ(tokens.pieces[0].first, 0u);
  EXPECT_EQ(tokens.pieces[0].count, 13u);
}

TEST(ParallelSliceTest, AContextParallelRankHoldsAnEarlyAndALatePiece) {
  TokenSplit split;
  split.context_size = 2;
  split.context_rank = 0;
  LocalTokens tokens = TokensOf(16, split);  // pieces of 4: rank 0 has 0 and 3, rank 1 has 1 and 2
  ASSERT_EQ(tokens.pieces.size(), 2u);
  EXPECT_EQ(tokens.pieces[0].first, 0u);
  EXPECT_EQ(tokens.pieces[1].first, 12u);
  EXPECT_EQ(tokens.pieces[1].local, 4u);
  split.context_rank = 1;
  tokens = TokensOf(16, split);
  EXPECT_EQ(tokens.pieces[0].first, 4u);
  EXPECT_EQ(tokens.pieces[1].first, 8u);
}

TEST(ParallelSliceTest, PaddingIsInTheRanksTokensButInNoPiece) {
  TokenSplit split;
  split.context_size = 2;
  const LocalTokens tokens = TokensOf(9, split);  // padded to 12, pieces of 3: 0..2 and 9..11
  EXPECT_EQ(tokens.num_tokens, 6u);
  ASSERT_EQ(tokens.pieces.size(), 1u);
  EXPECT_EQ(tokens.pieces[0].count, 3u);
}

TEST(ParallelSliceTest, AllRanksTogetherHoldEveryTokenOnce) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    TokenSplit split;
    split.context_size = 1 + random.Below(5);
    split.sequence_size = 1 + random.Below(5);
    if (random.Below(2) == 0) {
      split.pad_multiple = static_cast<uint32_t>(LeastPadMultiple(split) * (1 + random.Below(3)));
    }
    const uint32_t length = random.Below(200);
    std::vector<int> seen(length, 0);
    uint64_t held = 0;
    for (split.context_rank = 0; split.context_rank < split.context_size; ++split.context_rank) {
      for (split.sequence_rank = 0; split.sequence_rank < split.sequence_size; ++split.sequence_rank) {
        ASSERT_TRUE(CheckTokenSplit(split).ok());
        const LocalTokens tokens = TokensOf(length, split);
        held += tokens.num_tokens;
        uint32_t next_local = 0;
        for (const LocalPiece& piece : tokens.pieces) {
          EXPECT_GE(piece.local, next_local);
          next_local = piece.local + piece.count;
          for (uint32_t t = 0; t < piece.count; ++t) ++seen.at(piece.first + t);
        }
        EXPECT_LE(next_local, tokens.num_tokens);
      }
    }
    for (const int count : seen) EXPECT_EQ(count, 1);
    EXPECT_EQ(held % LeastPadMultiple(split), 0u);
    EXPECT_GE(held, length);
  }
}

TEST(ParallelSliceTest, ASplitThatCannotBeIsRefusedByName) {
  TokenSplit split;
  split.context_rank = 1;
  EXPECT_NE(CheckTokenSplit(split).message().find("context_parallel_rank"), std::string::npos);
  split = {};
  split.sequence_size = 0;
  EXPECT_NE(CheckTokenSplit(split).message().find("sequence_parallel_size"), std::string::npos);
  split = {};
  split.context_size = 2;
  split.pad_multiple = 6;
  EXPECT_NE(CheckTokenSplit(split).message().find("pad_multiple"), std::string::npos);
}

}  // namespace
}  // namespace grouter
