// The server's tokens: read from a file, kept as digests, so that no secret stays in memory or reaches a log.
#ifndef GROUTER_SERVER_SECURITY_TOKEN_TABLE_H_
#define GROUTER_SERVER_SECURITY_TOKEN_TABLE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "io/digest.h"

namespace grouter {

inline constexpr size_t kMinTokenBytes = 16;
inline constexpr size_t kMaxTokenBytes = 4096;
inline constexpr size_t kMaxTokenFileBytes = 1 << 20;

// A value. One name may have several tokens, so that one can be replaced without a gap.
class TokenTable {
 public:
  // One `NAME TOKEN` or `NAME sha256:HEX` a line (the digest of the token); empty lines and lines that begin
  // with # are skipped. NAME is letters, digits, '.', '_' and '-'; TOKEN is 16 to 4096 printable characters.
  // INVALID_ARGUMENT with `where` and the line, never with what the line says.
  static absl::StatusOr<TokenTable> Parse(absl::string_view text, const std::string& where);

  // The name behind `token`. Compares digests: the time taken tells nothing about the tokens.
  absl::optional<std::string> NameOf(absl::string_view token) const;
  size_t size() const { return names_.size(); }

 private:
  std::map<Digest, std::string> names_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_TOKEN_TABLE_H_
