#include "server/security/token_table.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr size_t kMaxName = 64;

bool IsName(absl::string_view name) {
  bool good = !name.empty() && name.size() <= kMaxName;
  for (const char c : name) good = good && (absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-');
  return good;
}

bool IsToken(absl::string_view token) {
  bool good = token.size() >= kMinTokenBytes && token.size() <= kMaxTokenBytes;
  for (const char c : token) good = good && absl::ascii_isgraph(c);
  return good;
}

// Why a line is wrong; empty: it is added.
std::string AddLine(absl::string_view line, std::map<Digest, std::string>* names) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() != 2) return "a line is a name and a token";
  if (!IsName(words[0])) return "a name has 1 to 64 letters, digits, '.', '_' or '-'";
  absl::string_view secret = words[1];
  Digest digest;
  if (absl::ConsumePrefix(&secret, "sha256:")) {
    const absl::StatusOr<Digest> given = Digest::FromHex(secret);
    if (!given.ok()) return "sha256: is followed by 64 hexadecimal digits";
    digest = *given;
  } else if (IsToken(secret)) {
    digest = Sha256(secret);
  } else {
    return "a token has 16 to 4096 printable characters";
  }
  const auto added = names->emplace(digest, std::string(words[0]));
  return added.second || added.first->second == words[0] ? "" : "two names have the same token";
}

}  // namespace

absl::StatusOr<TokenTable> TokenTable::Parse(absl::string_view text, const std::string& where) {
  TokenTable table;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::string problem = AddLine(line, &table.names_);
    if (!problem.empty()) {
      return Error(absl::StatusCode::kInvalidArgument, problem, absl::StrCat(where, ":", number),
                   "Make one with `grouter certs init`, or see docs/server.md.");
    }
  }
  return table;
}

absl::optional<std::string> TokenTable::NameOf(absl::string_view token) const {
  if (token.size() > kMaxTokenBytes) return absl::nullopt;
  const auto it = names_.find(Sha256(token));
  if (it == names_.end()) return absl::nullopt;
  return it->second;
}

}  // namespace grouter
