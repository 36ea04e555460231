// corpus.json.
#include <cstdint>

#include "data/corpus.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto corpus = grouter::Corpus::ParseManifest(bytes, "fuzz");
  if (!corpus.ok()) return 0;
  for (uint64_t i = 0; i < (*corpus)->num_documents(); ++i) {
    GROUTER_CHECK((*corpus)->document(i).domain < (*corpus)->domains().size());
  }
  return 0;
}
