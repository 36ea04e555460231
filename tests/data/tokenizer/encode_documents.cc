// Encodes documents for tiktoken_oracle_test.py.
//
//   encode_documents RANK_FILE VOCAB_SIZE text|special DOCUMENTS IDS
//
// DOCUMENTS holds, one after another, u64 length and bytes; IDS gets u64 count and u32 ids for each. Prints
// the number of ranks and the Unicode version.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "data/tokenizer/text.h"
#include "data/tokenizer/tokenizer.h"
#include "io/coding.h"

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  grouter::TokenizerOptions options;
  options.vocab_size = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const auto tokenizer = grouter::Tokenizer::Open(argv[1], options);
  const auto documents = grouter::FileSystem::Local().ReadFile(argv[4]);
  if (!tokenizer.ok() || !documents.ok()) {
    std::fprintf(stderr, "%s %s\n", tokenizer.status().ToString().c_str(),
                 documents.status().ToString().c_str());
    return 3;
  }
  using Special = grouter::Encoder::SpecialTokens;
  const Special special = std::string(argv[3]) == "special" ? Special::kAllowed : Special::kAsText;
  grouter::Encoder encoder(**tokenizer);
  grouter::ByteReader in(*documents);
  grouter::ByteWriter out;
  std::vector<uint32_t> ids;
  while (!in.AtEnd() && in.ok()) {
    const auto length = in.Get<uint64_t>();
    ids.clear();
    encoder.Encode(in.GetRaw(length), &ids, special);
    out.PutArray<uint32_t>(ids);
  }
  std::printf("%u %s\n", (*tokenizer)->num_ranks(), grouter::UnicodeVersion().c_str());
  return grouter::WriteFileAtomically(grouter::FileSystem::Local(), argv[5], out.bytes()).ok() && in.ok() ? 0
                                                                                                          : 3;
}
