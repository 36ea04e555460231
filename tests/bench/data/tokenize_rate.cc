// Encodes a corpus again and again on one thread, each time with cold caches, and prints one JSON object: the
// seconds of each round, the seconds of copying the same text (the limit), tokens and bytes.
//
//   tokenize_rate RANK_FILE VOCAB_SIZE CORPUS_FOLDER ROUNDS [IDS_FILE]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "data/corpus.h"
#include "data/tokenizer/tokenizer.h"

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
  std::vector<uint32_t> ids;
  std::vector<double> seconds, copy_seconds;
  std::string copy;
  const auto timed = [](const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  for (int round = std::atoi(argv[4]); round > 0; --round) {
    grouter::Encoder encoder(**tokenizer);
    ids.clear();
    seconds.push_back(timed([&] {
      for (uint64_t i = 0; i < (*corpus)->num_documents(); ++i) encoder.Encode((*corpus)->text(i), &ids);
    }));
    copy.resize((*corpus)->num_bytes());
    copy_seconds.push_back(timed([&] {
      size_t at = 0;
      for (uint64_t i = 0; i < (*corpus)->num_documents(); ++i) {
        at += (*corpus)->text(i).copy(&copy[at], absl::string_view::npos);
      }
    }));
  }
  const auto list = [](const std::vector<double>& values) {
    return absl::StrJoin(values, ", ",
                         [](std::string* out, double value) { absl::StrAppendFormat(out, "%.9f", value); });
  };
  std::printf("{\"seconds\": [%s], \"copy_seconds\": [%s], \"tokens\": %zu, \"bytes\": %zu}\n",
              list(seconds).c_str(), list(copy_seconds).c_str(), ids.size(), copy.size());
  if (argc > 5) {
    std::ofstream(argv[5], std::ios::binary)
        .write(reinterpret_cast<const char*>(ids.data()),
               static_cast<std::streamsize>(ids.size() * sizeof(ids[0])));
  }
  return 0;
}
