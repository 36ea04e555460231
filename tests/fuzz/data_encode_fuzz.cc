// Documents: any bytes become well-formed text, and their ids give that text back.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer/text.h"
#include "data/tokenizer/tokenizer.h"
#include "io/error.h"
#include "tests/data/tokenizer/small_vocabulary.h"

namespace {

const grouter::Tokenizer& SmallTokenizer() {
  static const auto* const tokenizer = [] {
    auto ranks = grouter::RankTable::FromTokens(grouter::RandomVocabulary(1, 300), "fuzz");
    GROUTER_CHECK(ranks.ok());
    return new std::shared_ptr<const grouter::Tokenizer>(
        *grouter::Tokenizer::FromRanks(*std::move(ranks), {}, "fuzz"));
  }();
  return **tokenizer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const encoder = new grouter::Encoder(SmallTokenizer());
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string storage;
  const std::string text(grouter::CanonicalText(bytes, &storage));
  GROUTER_CHECK(grouter::WellFormedPrefix(text) == text.size());
  for (const auto special :
       {grouter::Encoder::SpecialTokens::kAsText, grouter::Encoder::SpecialTokens::kAllowed}) {
    std::vector<uint32_t> ids;
    encoder->Encode(bytes, &ids, special);
    const auto decoded = SmallTokenizer().Decode(ids);
    GROUTER_CHECK(decoded.ok() && *decoded == text);
  }
  return 0;
}
