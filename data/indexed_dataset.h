// Megatron-Core's IndexedDataset: `PREFIX.bin` holds token ids end to end, `PREFIX.idx` says where each
// sequence and each document lies. Read and written byte for byte as Megatron-Core does (version 1 of its
// format), so that a user's own tokenized corpus enters as it is and ours leaves for other trainers.
//
//   .idx, little-endian:  "MMIDIDX\0\0" | u64 version = 1 | u8 dtype code | u64 num_sequences |
//     u64 num_document_indices | i32 sequence length [num_sequences] | i64 byte offset in .bin
//     [num_sequences] | i64 document index [num_document_indices] | i8 mode [num_sequences], in multimodal
//     datasets only
//
// A *sequence* is a run of tokens, a *document* is sequences [document_index[i], document_index[i + 1]).
// Source: megatron/core/datasets/indexed_dataset.py.
#ifndef GROUTER_DATA_INDEXED_DATASET_H_
#define GROUTER_DATA_INDEXED_DATASET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// Megatron-Core's codes.
enum class TokenType : uint8_t {
  kUint8 = 1,
  kInt8 = 2,
  kInt16 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kFloat64 = 6,
  kFloat32 = 7,
  kUint16 = 8,
};
// Bytes of one element; 0 for a code that Megatron-Core does not have.
uint32_t TokenTypeBytes(TokenType type);
bool IsIntegerType(TokenType type);
// uint16 for fewer than 65,500 ids, else int32 (DType.optimal_dtype).
TokenType TokenTypeForVocabulary(uint64_t vocab_size);

// Immutable and thread-safe; backed by two mapped files. Lengths and offsets count tokens unless named bytes.
class IndexedDataset {
 public:
  // Opens PREFIX.idx and PREFIX.bin. DATA_LOSS with file and offset when the index contradicts itself or the
  // .bin is shorter than it says; INVALID_ARGUMENT when it is something else; UNIMPLEMENTED for another
  // version.
  static absl::StatusOr<std::shared_ptr<const IndexedDataset>> Open(const std::string& prefix,
                                                                    FileSystem& files = FileSystem::Local());

  TokenType type() const { return type_; }
  uint64_t num_sequences() const { return num_sequences_; }
  uint64_t num_documents() const { return num_document_indices_ - 1; }
  uint64_t num_tokens() const { return num_tokens_; }
  const std::string& prefix() const { return prefix_; }

  // REQUIRES (all below): sequence < num_sequences(), document < num_documents().
  uint32_t sequence_length(uint64_t sequence) const;
  absl::string_view sequence_bytes(uint64_t sequence) const;  // as stored
  absl::optional<int8_t> sequence_mode(uint64_t sequence) const;
  uint64_t document_begin(uint64_t document) const;  // its first sequence
  uint64_t document_end(uint64_t document) const;
  uint64_t document_length(uint64_t document) const;

  // Copies tokens [offset, offset + ids.size()) of a document, its sequences end to end. OUT_OF_RANGE past
  // the document's end; INVALID_ARGUMENT for a float type; DATA_LOSS for an id that is negative or over u32.
  absl::Status ReadDocument(uint64_t document, uint64_t offset, absl::Span<uint32_t> ids) const;

  // SHA-256 over ".bin" and ".idx" as they lie; reads everything.
  Digest ComputeDigest() const;

 private:
  IndexedDataset() = default;
  absl::Status Parse();
  template <typename T>
  T At(uint64_t base, uint64_t i) const;
  absl::Status CopyIds(uint64_t sequence, uint64_t first, absl::Span<uint32_t> ids) const;

  std::string prefix_;
  std::shared_ptr<const MappedFile> index_;
  std::shared_ptr<const MappedFile> bin_;
  TokenType type_ = TokenType::kInt32;
  uint64_t num_sequences_ = 0;
  uint64_t num_document_indices_ = 1;
  uint64_t num_tokens_ = 0;
  uint64_t lengths_at_ = 0, offsets_at_ = 0, documents_at_ = 0;  // byte offsets in .idx
  absl::optional<uint64_t> modes_at_;
};

// Writes a pair; both files appear by rename on Finish, the .idx last. Memory: 4 bytes a sequence, 8 a
// document. One thread at a time. A writer that is destroyed before Finish leaves nothing.
class IndexedDatasetWriter {
 public:
  static absl::StatusOr<IndexedDatasetWriter> Create(FileSystem& files, const std::string& prefix,
                                                     TokenType type);

  // INVALID_ARGUMENT when an id does not fit the type (or the type is a float).
  absl::Status AddSequence(absl::Span<const uint32_t> ids);
  // Elements as they are to be stored. INVALID_ARGUMENT when not a whole number of them. `mode` for
  // multimodal datasets: for every sequence or for none.
  absl::Status AddSequenceBytes(absl::string_view bytes, absl::optional<int8_t> mode = absl::nullopt);
  // The sequences since the last call are one document (it may be empty).
  void EndDocument();
  uint64_t num_tokens() const { return num_tokens_; }
  uint64_t num_sequences() const { return lengths_.size(); }
  absl::Status Finish();

 private:
  IndexedDatasetWriter(FileSystem& files, std::string prefix, TokenType type, AtomicFile bin);
  absl::Status Flush();

  FileSystem* files_;
  std::string prefix_;
  TokenType type_;
  AtomicFile bin_;
  std::string buffer_;
  std::vector<int32_t> lengths_;
  std::vector<int64_t> document_indices_ = {0};
  std::vector<int8_t> modes_;
  uint64_t num_tokens_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_DATA_INDEXED_DATASET_H_
