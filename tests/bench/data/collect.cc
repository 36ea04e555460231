// Makes a corpus artefact of a folder: collect FROM TO MAX_BYTES_PER_DOMAIN
#include <cstdio>
#include <cstdlib>

#include "data/corpus.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: collect FROM TO MAX_BYTES_PER_DOMAIN\n");
    return 2;
  }
  grouter::CorpusOptions options;
  options.max_bytes_per_domain = std::strtoull(argv[3], nullptr, 10);
  const auto corpus = grouter::BuildCorpus(argv[1], argv[2], options);
  if (!corpus.ok()) {
    std::fprintf(stderr, "collect: %s\n", corpus.status().ToString().c_str());
    return 3;
  }
  return 0;
}
