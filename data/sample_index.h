// The sample index: the artefact that says what each sample of a run is, made before routing and named by
// its digest in tables, jobs, plans and checkpoints. Changing it means re-routing.
//
// Terms. A *document* is one entry of a tokenized dataset (.bin/.idx). A *sample* is one training sequence
// of `length` tokens, made of ranges of documents; its label token after the last one is the token that
// follows it in its last document or, when packing goes on, in the next. Samples of one split lie next to
// each other: a split is [first_sample, first_sample + num_samples).
#ifndef GROUTER_DATA_SAMPLE_INDEX_H_
#define GROUTER_DATA_SAMPLE_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// Tokens [offset, offset + length) of one document of the dataset. Units: tokens.
struct TokenRange {
  uint64_t document = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  friend bool operator==(const TokenRange& a, const TokenRange& b) {
    return a.document == b.document && a.offset == b.offset && a.length == b.length;
  }
};

// A named data split ("train", "valid", ...). `num_tokens` and `num_loss_tokens` are sums over its samples.
struct DataSplit {
  std::string name;
  uint64_t first_sample = 0;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint64_t num_loss_tokens = 0;
};

// One sample. The ranges belong to the index and live as long as it. They cover exactly `length` tokens;
// `label_after` is the token (length 1) after the last, absent at the end of the data.
// num_loss_tokens counts the positions whose label takes part in the loss.
struct Sample {
  uint32_t length = 0;
  uint32_t num_loss_tokens = 0;
  uint32_t domain = 0;        // index into domains()
  uint32_t token_crc32c = 0;  // CRC32C of the `length` token ids as little-endian u32
  absl::Span<const TokenRange> ranges;
  absl::optional<TokenRange> label_after;
};

// What the index was made by; part of its digest.
struct SampleIndexRules {
  enum class Packing : uint8_t {
    kPacked = 0,       // documents end to end, cut every sequence_length tokens; the last may be shorter
    kOneDocument = 1,  // one document per sample, cut into pieces of at most sequence_length
    kFromLengths = 2,  // made by an import or a capture from lengths alone; no tokens known
  };
  Packing packing = Packing::kPacked;
  uint32_t sequence_length = 0;  // tokens; the longest sample
  uint64_t document_order_seed = 0;
  int64_t eod_token = -1;              // id of end-of-document, -1: none
  bool cross_document = false;         // context rule: may a token see other documents of its sample?
  bool loss_across_documents = false;  // does the label that is the first token of another document count?
};

// Immutable once opened or made; thread-safe. Backed by one mapped file (or memory when just made).
class SampleIndex {
 public:
  // DATA_LOSS with file and offset when damaged; INVALID_ARGUMENT when it is something else;
  // UNIMPLEMENTED for a newer major version.
  static absl::StatusOr<std::shared_ptr<const SampleIndex>> Open(const std::string& path,
                                                                 FileSystem& files = FileSystem::Local());
  // An index whose tokens are unknown: one sample per length, CRCs unknown (token_crcs_known() false),
  // all positions but the last count as loss tokens. For imports and captured routes.
  static absl::StatusOr<std::shared_ptr<const SampleIndex>> FromLengths(absl::Span<const uint32_t> lengths,
                                                                        const std::vector<DataSplit>& splits);

  virtual ~SampleIndex() = default;
  virtual const Digest& digest() const = 0;            // over canonical content; equal for equal content
  virtual const Digest& tokenizer_digest() const = 0;  // zero: unknown
  virtual const Digest& dataset_digest() const = 0;    // of the .bin/.idx pair; zero: unknown
  virtual const SampleIndexRules& rules() const = 0;
  virtual bool token_crcs_known() const = 0;
  virtual uint64_t num_samples() const = 0;
  virtual uint64_t num_tokens() const = 0;
  virtual const std::vector<std::string>& domains() const = 0;
  virtual const std::vector<DataSplit>& splits() const = 0;
  // nullptr when there is none of that name.
  const DataSplit* FindSplit(absl::string_view name) const;
  // REQUIRES: sample < num_samples().
  virtual Sample sample(uint64_t sample) const = 0;
  // Writes the artefact (temp + rename).
  virtual absl::Status Save(const std::string& path, FileSystem& files = FileSystem::Local()) const = 0;
};

}  // namespace grouter

#endif  // GROUTER_DATA_SAMPLE_INDEX_H_
