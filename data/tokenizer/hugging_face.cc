#include "data/tokenizer/hugging_face.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data/tokenizer/split.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

absl::Status Malformed(absl::string_view what, absl::string_view where) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, "give a Hugging Face tokenizer.json");
}

absl::Status Unsupported(absl::string_view what, absl::string_view where) {
  return Error(
      absl::StatusCode::kUnimplemented, what, where,
      "only a byte-level BPE with NFC and Qwen's split pattern is read; tokenize with its own library and "
      "give the .bin/.idx");
}

// GPT-2's alphabet: printable Latin-1 characters stand for their byte, the other bytes for 256, 257, ...
std::array<uint16_t, 256> ByteAlphabet() {
  std::array<uint16_t, 256> alphabet{};
  uint16_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    alphabet[byte] = printable ? static_cast<uint16_t>(byte) : next++;
  }
  return alphabet;
}

class ByteDecoder {
 public:
  ByteDecoder() {
    bytes_.fill(-1);
    const std::array<uint16_t, 256> alphabet = ByteAlphabet();
    for (int byte = 0; byte < 256; ++byte) bytes_[alphabet[byte]] = static_cast<int16_t>(byte);
  }
  bool Decode(absl::string_view text, std::string* out) const {
    out->clear();
    for (size_t i = 0; i < text.size();) {
      const auto lead = static_cast<uint8_t>(text[i]);
      uint32_t c = lead;
      size_t length = 1;
      if (lead >= 0xC2 && lead <= 0xDF && i + 1 < text.size()) {
        c = (lead & 0x1Fu) << 6 | (static_cast<uint8_t>(text[i + 1]) & 0x3Fu);
        length = 2;
      } else if (lead >= 0x80) {
        return false;
      }
      if (c >= bytes_.size() || bytes_[c] < 0) return false;
      out->push_back(static_cast<char>(bytes_[c]));
      i += length;
    }
    return true;
  }

 private:
  std::array<int16_t, 512> bytes_;
};

absl::Status CheckKind(const Json& root, absl::string_view where) {
  const auto type_of = [](const Json& node) {
    return node.is_object() ? node.value("type", "") : std::string();
  };
  if (type_of(root.value("model", Json())) != "BPE") return Unsupported("the model is not BPE", where);
  const Json normalizer = root.value("normalizer", Json());
  if (type_of(normalizer) != "NFC") return Unsupported("the normaliser is not NFC", where);
  const Json pre = root.value("pre_tokenizer", Json());
  const Json steps = pre.is_object() ? pre.value("pretokenizers", Json::array()) : Json();
  if (!steps.is_array() || steps.size() != 2 || type_of(steps[0]) != "Split" ||
      type_of(steps[1]) != "ByteLevel") {
    return Unsupported("the pre-tokenizer is not Split, ByteLevel", where);
  }
  const Json pattern = steps[0].value("pattern", Json());
  if (!pattern.is_object() || pattern.value("Regex", "") != kQwenSplitPattern) {
    return Unsupported("another split pattern", where);
  }
  if (steps[1].value("add_prefix_space", true) || steps[1].value("use_regex", true)) {
    return Unsupported("ByteLevel with a prefix space or its own pattern", where);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadVocabulary(const Json& vocab, absl::string_view where) {
  if (!vocab.is_object() || vocab.empty()) return Malformed("no vocabulary", where);
  const ByteDecoder decoder;
  std::vector<std::string> tokens(vocab.size());
  std::vector<bool> seen(vocab.size(), false);
  for (const auto& [text, id] : vocab.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= tokens.size() || seen[id.get<uint64_t>()]) {
      return Unsupported(absl::StrCat("ids are not 0..", tokens.size() - 1), where);
    }
    seen[id.get<uint64_t>()] = true;
    if (!decoder.Decode(text, &tokens[id.get<uint64_t>()])) {
      return Unsupported(absl::StrCat("token ", id.dump(), " is not in the byte alphabet"), where);
    }
  }
  return tokens;
}

// Merges must make every longer token, in the order of ids: then a merge's priority is its token's rank.
absl::Status CheckMerges(const Json& merges, const RankTable& ranks, absl::string_view where) {
  if (!merges.is_array()) return Malformed("no merges", where);
  const ByteDecoder decoder;
  std::vector<bool> made(ranks.size(), false);
  uint32_t last = 0;
  for (const Json& merge : merges) {
    std::string left, right;
    if (merge.is_string()) {
      const std::string text = merge.get<std::string>();
      const size_t space = text.find(' ');
      left = text.substr(0, space);
      right = space == std::string::npos ? "" : text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    }
    std::string left_bytes, right_bytes;
    if (left.empty() || right.empty() || !decoder.Decode(left, &left_bytes) ||
        !decoder.Decode(right, &right_bytes)) {
      return Malformed("a merge that is not two tokens", where);
    }
    const uint32_t rank = ranks.Find(left_bytes + right_bytes);
    if (rank == RankTable::kNone || ranks.Find(left_bytes) == RankTable::kNone ||
        ranks.Find(right_bytes) == RankTable::kNone) {
      return Malformed("a merge of or into something that is no token", where);
    }
    if (rank < last) return Unsupported("merges are not in the order of ids", where);
    last = rank;
    made[rank] = true;
  }
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    if (ranks.bytes(rank).size() > 1 && !made[rank]) {
      return Unsupported(absl::StrCat("no merge makes token ", rank), where);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadSpecialTokens(const Json& added, uint32_t first_id,
                                                           absl::string_view where) {
  std::vector<std::string> names;
  if (!added.is_array()) return names;
  std::vector<std::pair<uint64_t, std::string>> tokens;
  for (const Json& token : added) {
    if (!token.is_object() || !token.value("id", Json()).is_number_unsigned() ||
        !token.value("content", Json()).is_string()) {
      return Malformed("an added token without id or content", where);
    }
    tokens.emplace_back(token["id"].get<uint64_t>(), token["content"].get<std::string>());
  }
  std::sort(tokens.begin(), tokens.end());
  for (auto& [id, name] : tokens) {
    if (id != first_id + names.size()) return Unsupported("added tokens do not follow the vocabulary", where);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

absl::StatusOr<HuggingFaceTokenizer> ParseHuggingFaceTokenizer(absl::string_view json,
                                                               absl::string_view where) {
  // Deep nesting overflows a recursive reader of the tree, not nlohmann's parser; the known fields are
  // shallow.
  const Json root = ParseJson(json);
  if (!root.is_object()) return Malformed("not a JSON object", where);
  try {
    GROUTER_RETURN_IF_ERROR(CheckKind(root, where));
    const Json& model = root.at("model");
    HuggingFaceTokenizer tokenizer;
    GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> tokens,
                             ReadVocabulary(model.value("vocab", Json()), where));
    GROUTER_ASSIGN_OR_RETURN(tokenizer.ranks, RankTable::FromTokens(tokens, where));
    GROUTER_RETURN_IF_ERROR(CheckMerges(model.value("merges", Json()), tokenizer.ranks, where));
    GROUTER_ASSIGN_OR_RETURN(tokenizer.special_tokens, ReadSpecialTokens(root.value("added_tokens", Json()),
                                                                         tokenizer.ranks.size(), where));
    return tokenizer;
  } catch (const Json::exception&) {  // a field of another type than the accessors expect
    return Malformed("a field of the wrong type", where);
  }
}

}  // namespace grouter
