// PREFIX.json beside a PREFIX.bin/.idx pair: what the token ids mean and where their text came from. A
// dataset made elsewhere has none, and everything works without it but domains and the tokenizer's digest.
#ifndef GROUTER_DATA_TOKEN_MANIFEST_H_
#define GROUTER_DATA_TOKEN_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// `num_documents` documents in a row that belong to one domain.
struct DomainRun {
  uint32_t domain = 0;  // index into TokenManifest::domains
  uint64_t num_documents = 0;
};

struct TokenManifest {
  Digest tokenizer_digest;  // zero: unknown
  Digest corpus_digest;     // zero: unknown
  uint32_t vocab_size = 0;
  int64_t eod_token = -1;  // the last token of each document; -1: none was appended
  uint64_t num_documents = 0;
  uint64_t num_tokens = 0;
  std::vector<std::string> domains;
  std::vector<DomainRun> domain_runs;  // sums to num_documents

  std::string ToJson() const;
  // INVALID_ARGUMENT when it is something else or contradicts itself, UNIMPLEMENTED for a newer version.
  static absl::StatusOr<TokenManifest> Parse(absl::string_view json, absl::string_view where);
  // Of PREFIX.json; empty when there is none.
  static absl::StatusOr<absl::optional<TokenManifest>> Load(const std::string& prefix,
                                                            FileSystem& files = FileSystem::Local());
};

}  // namespace grouter

#endif  // GROUTER_DATA_TOKEN_MANIFEST_H_
