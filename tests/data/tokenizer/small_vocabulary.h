// A vocabulary small enough to follow by hand, and one that was learned by chance.
#ifndef GROUTER_TESTS_DATA_TOKENIZER_SMALL_VOCABULARY_H_
#define GROUTER_TESTS_DATA_TOKENIZER_SMALL_VOCABULARY_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "io/random.h"

namespace grouter {

// The 256 bytes in order, then `more`.
inline std::vector<std::string> BytesAnd(const std::vector<std::string>& more) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

// Tokens over a few letters, each two earlier tokens end to end.
inline std::vector<std::string> RandomVocabulary(uint64_t seed, size_t num_merges) {
  Random random(seed);
  std::vector<std::string> tokens = BytesAnd({});
  std::vector<std::string> pool = {"a", "b", "c", " "};
  std::set<std::string> known(tokens.begin(), tokens.end());
  while (tokens.size() < 256 + num_merges) {
    const std::string merged = pool[random.Below(pool.size())] + pool[random.Below(pool.size())];
    if (merged.size() > 12 || !known.insert(merged).second) continue;
    tokens.push_back(merged);
    pool.push_back(merged);
  }
  return tokens;
}

inline std::string RankFile(const std::vector<std::string>& tokens) {
  std::string file;
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    absl::StrAppend(&file, absl::Base64Escape(tokens[rank]), " ", rank, "\n");
  }
  return file;
}

}  // namespace grouter

#endif  // GROUTER_TESTS_DATA_TOKENIZER_SMALL_VOCABULARY_H_
