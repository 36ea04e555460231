// A corpus to a tokenized dataset: PREFIX.bin/.idx with one sequence per document, the end-of-document token
// last, and the manifest PREFIX.json beside them.
#ifndef GROUTER_DATA_TOKENIZE_H_
#define GROUTER_DATA_TOKENIZE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "data/corpus.h"
#include "data/token_manifest.h"
#include "data/tokenizer/tokenizer.h"
#include "io/file.h"

namespace grouter {

struct TokenizeOptions {
  bool append_eod = true;
  // "<|endoftext|>" inside a document: text (the default) or the special token.
  Encoder::SpecialTokens special_tokens = Encoder::SpecialTokens::kAsText;
  uint32_t num_threads = 2;
  // Called from the calling thread with bytes of text tokenized so far and in total.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// Same bytes for any number of threads. Memory: the ids of about 16 MiB of text, or of the longest document.
// The three files appear by rename, the manifest first and the .idx last.
absl::StatusOr<TokenManifest> TokenizeCorpus(const Corpus& corpus, const Tokenizer& tokenizer,
                                             const std::string& prefix, const TokenizeOptions& options,
                                             FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZE_H_
