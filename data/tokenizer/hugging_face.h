// Hugging Face's tokenizer.json, read as a rank table. Only files that mean the same as a rank table with
// Qwen's split pattern are taken: a byte-level BPE whose ids are its merge order.
#ifndef GROUTER_DATA_TOKENIZER_HUGGING_FACE_H_
#define GROUTER_DATA_TOKENIZER_HUGGING_FACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/tokenizer/rank_table.h"

namespace grouter {

struct HuggingFaceTokenizer {
  RankTable ranks;
  std::vector<std::string> special_tokens;  // added tokens whose ids follow the ranks without a gap, in order
};

// INVALID_ARGUMENT for what is not such a file, UNIMPLEMENTED for a tokenizer of another kind (another model,
// split pattern, normaliser, or merges that are not in id order); `where` names the file.
absl::StatusOr<HuggingFaceTokenizer> ParseHuggingFaceTokenizer(absl::string_view json,
                                                               absl::string_view where);

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_HUGGING_FACE_H_
