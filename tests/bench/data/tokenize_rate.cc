// Encodes a file of documents again and again on one thread and prints one JSON object: tokens, seconds of
// each round, CRC32C of all ids (the caller compares it with the peer's). The first round has cold caches.
//
//   tokenize_rate RANK_FILE VOCAB_SIZE CORPUS_FOLDER ROUNDS [IDS_FILE]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "data/corpus.h"
#include "data/tokenizer/tokenizer.h"
#include "io/digest.h"

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: tokenize_rate RANK_FILE VOCAB_SIZE CORPUS_FOLDER ROUNDS [IDS_FILE]\n");
    return 2;
  }
  grouter::TokenizerOptions options;
  options.vocab_size = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const auto tokenizer = grouter::Tokenizer::Open(argv[1], options);
  const auto corpus = grouter::Corpus::Open(argv[3]);
  if (!tokenizer.ok() || !corpus.ok()) {
    const absl::Status& status = tokenizer.ok() ? corpus.status() : tokenizer.status();
    std::fprintf(stderr, "tokenize_rate: %s\n", status.ToString().c_str());
    return 3;
  }
  std::printf("{\"seconds\": [");
  std::vector<uint32_t> ids;
  const int rounds = std::atoi(argv[4]);
  for (int round = 0; round < rounds; ++round) {
    grouter::Encoder encoder(**tokenizer);
    ids.clear();
    const auto begin = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < (*corpus)->num_documents(); ++i) encoder.Encode((*corpus)->text(i), &ids);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    std::printf("%s%.6f", round == 0 ? "" : ", ", elapsed.count());
  }
  const uint64_t bytes = ids.size() * sizeof(uint32_t);
  std::printf("], \"tokens\": %zu, \"bytes\": %llu, \"crc32c\": %u}\n", ids.size(),
              static_cast<unsigned long long>((*corpus)->num_bytes()), grouter::Crc32c(ids.data(), bytes));
  if (argc > 5)
    std::ofstream(argv[5], std::ios::binary).write(reinterpret_cast<const char*>(ids.data()), bytes);
  return 0;
}
