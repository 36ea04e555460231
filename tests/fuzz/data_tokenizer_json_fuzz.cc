// Hugging Face's tokenizer.json.
#include <cstdint>

#include "data/tokenizer/hugging_face.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = grouter::ParseHuggingFaceTokenizer(bytes, "fuzz");
  if (tokenizer.ok()) GROUTER_CHECK(tokenizer->ranks.size() >= 256);
  return 0;
}
