// tiktoken rank files: parse, then tokenize with what came out.
#include <cstdint>
#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto ranks = grouter::RankTable::Parse(bytes, "fuzz");
  if (!ranks.ok()) return 0;
  const auto tokenizer = grouter::Tokenizer::FromRanks(*std::move(ranks), {}, "fuzz");
  GROUTER_CHECK(tokenizer.ok());
  std::vector<uint32_t> ids;
  grouter::Encoder(**tokenizer).Encode("aab  b\xFF", &ids);
  const auto text = (*tokenizer)->Decode(ids);
  GROUTER_CHECK(text.ok() && *text == "aab  b\xEF\xBF\xBD");
  return 0;
}
