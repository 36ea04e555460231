#include "data/tokenizer/merge.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "io/random.h"
#include "tests/data/tokenizer/small_vocabulary.h"

namespace grouter {
namespace {

// Byte pair encoding as it is defined, on strings.
std::vector<uint32_t> MergeByDefinition(const std::vector<std::string>& tokens, const std::string& piece) {
  std::map<std::string, uint32_t> ranks;
  for (uint32_t rank = 0; rank < tokens.size(); ++rank) ranks[tokens[rank]] = rank;
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  while (true) {
    uint32_t best_rank = UINT32_MAX;
    size_t best = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find(parts[i] + parts[i + 1]);
      if (found == ranks.end() || found->second >= best_rank) continue;
      best_rank = found->second;
      best = i;
    }
    if (best_rank == UINT32_MAX) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + best + 1);
  }
  std::vector<uint32_t> ids;
  for (const std::string& part : parts) ids.push_back(ranks.at(part));
  return ids;
}

TEST(MergeTable, KnowsEveryWayToMakeAToken) {
  const auto ranks = RankTable::FromTokens(BytesAnd({"ab", "bc", "abc"}), "x");
  ASSERT_TRUE(ranks.ok());
  const MergeTable merges(*ranks);
  EXPECT_EQ(merges.ByteToken('a'), 97u);
  EXPECT_EQ(merges.BytePair('a', 'b'), 256u);
  EXPECT_EQ(merges.Pair(97, 98), 256u);
  EXPECT_EQ(merges.Pair(256, 99), 258u);
  EXPECT_EQ(merges.Pair(97, 257), 258u);
  EXPECT_EQ(merges.Pair(99, 97), MergeTable::kNone);
  EXPECT_EQ(merges.BytePair('c', 'a'), MergeTable::kNone);
}

TEST(Merger, TakesTheLowestRankFirstAndTheLeftmostOfEquals) {
  const auto ranks = RankTable::FromTokens(BytesAnd({"bc", "ab", "aa"}), "x");
  ASSERT_TRUE(ranks.ok());
  const MergeTable merges(*ranks);
  Merger merger(merges);
  std::vector<uint32_t> ids;
  merger.Merge("abc", &ids);
  EXPECT_EQ(ids, (std::vector<uint32_t>{97, 256}));
  ids.clear();
  merger.Merge("aaa", &ids);
  EXPECT_EQ(ids, (std::vector<uint32_t>{258, 97}));
}

TEST(Merger, EqualsTheDefinitionForShortAndLongPieces) {
  Random random(11);
  for (uint64_t vocabulary = 0; vocabulary < 8; ++vocabulary) {
    const std::vector<std::string> tokens = RandomVocabulary(vocabulary, 20 + 40 * vocabulary);
    const auto ranks = RankTable::FromTokens(tokens, "x");
    ASSERT_TRUE(ranks.ok());
    const MergeTable merges(*ranks);
    Merger merger(merges);
    for (int trial = 0; trial < 60; ++trial) {
      std::string piece;
      const uint64_t length = trial < 40 ? 1 + random.Below(40) : 100 + random.Below(300);
      for (uint64_t i = 0; i < length; ++i) piece += "abc z"[random.Below(5)];
      std::vector<uint32_t> ids = {7};
      merger.Merge(piece, &ids);
      std::vector<uint32_t> expected = MergeByDefinition(tokens, piece);
      expected.insert(expected.begin(), 7);
      ASSERT_EQ(ids, expected) << "appends to what is there; piece " << piece;
    }
  }
}

TEST(Merger, MergesAPieceOfAMegabyteInOneGo) {
  const auto ranks = RankTable::FromTokens(RandomVocabulary(2, 300), "x");
  ASSERT_TRUE(ranks.ok());
  const MergeTable merges(*ranks);
  Merger merger(merges);
  Random random(5);
  std::string piece(size_t{1} << 20, ' ');
  for (char& c : piece) c = "abc"[random.Below(3)];
  std::vector<uint32_t> ids;
  merger.Merge(piece, &ids);
  std::string joined;
  for (const uint32_t id : ids) joined.append(ranks->bytes(id).data(), ranks->bytes(id).size());
  EXPECT_EQ(joined, piece);
}

}  // namespace
}  // namespace grouter
