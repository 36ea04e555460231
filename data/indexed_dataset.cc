#include "data/indexed_dataset.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr absl::string_view kMagic("MMIDIDX\0\0", 9);
constexpr uint64_t kVersion = 1;
constexpr uint64_t kHeaderBytes = 9 + 8 + 1 + 8 + 8;
constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr char kRemake[] = "the file is damaged or was cut; write it again";

// Largest id that the type holds; REQUIRES an integer type.
uint64_t MaxId(TokenType type) {
  switch (type) {
    case TokenType::kUint8:
      return UINT8_MAX;
    case TokenType::kInt8:
      return INT8_MAX;
    case TokenType::kInt16:
      return INT16_MAX;
    case TokenType::kUint16:
      return UINT16_MAX;
    case TokenType::kInt32:
      return INT32_MAX;
    default:
      return UINT32_MAX;
  }
}

template <typename T>
bool WidenTo(const char* from, absl::Span<uint32_t> ids) {
  bool fits = true;
  for (size_t i = 0; i < ids.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    fits &= value >= 0 && static_cast<uint64_t>(value) <= UINT32_MAX;
    ids[i] = static_cast<uint32_t>(value);
  }
  return fits;
}

bool Widen(TokenType type, const char* from, absl::Span<uint32_t> ids) {
  switch (type) {
    case TokenType::kUint8:
      return WidenTo<uint8_t>(from, ids);
    case TokenType::kInt8:
      return WidenTo<int8_t>(from, ids);
    case TokenType::kInt16:
      return WidenTo<int16_t>(from, ids);
    case TokenType::kUint16:
      return WidenTo<uint16_t>(from, ids);
    case TokenType::kInt32:
      return WidenTo<int32_t>(from, ids);
    default:
      return WidenTo<int64_t>(from, ids);
  }
}

template <typename T>
void AppendAs(absl::Span<const uint32_t> ids, std::string* out) {
  const size_t before = out->size();
  out->resize(before + ids.size() * sizeof(T));
  char* to = &(*out)[before];
  for (size_t i = 0; i < ids.size(); ++i) {
    const T value = static_cast<T>(ids[i]);
    std::memcpy(to + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

uint32_t TokenTypeBytes(TokenType type) {
  switch (type) {
    case TokenType::kUint8:
    case TokenType::kInt8:
      return 1;
    case TokenType::kInt16:
    case TokenType::kUint16:
      return 2;
    case TokenType::kInt32:
    case TokenType::kFloat32:
      return 4;
    case TokenType::kInt64:
    case TokenType::kFloat64:
      return 8;
  }
  return 0;
}

bool IsIntegerType(TokenType type) {
  return TokenTypeBytes(type) != 0 && type != TokenType::kFloat32 && type != TokenType::kFloat64;
}

TokenType TokenTypeForVocabulary(uint64_t vocab_size) {
  return vocab_size < 65500 ? TokenType::kUint16 : TokenType::kInt32;
}

template <typename T>
T IndexedDataset::At(uint64_t base, uint64_t i) const {
  T value;
  std::memcpy(&value, index_->bytes().data() + base + i * sizeof(T), sizeof(T));
  return value;
}

absl::StatusOr<std::shared_ptr<const IndexedDataset>> IndexedDataset::Open(const std::string& prefix,
                                                                           FileSystem& files) {
  auto dataset = std::shared_ptr<IndexedDataset>(new IndexedDataset);
  dataset->prefix_ = prefix;
  GROUTER_ASSIGN_OR_RETURN(dataset->index_, files.Map(absl::StrCat(prefix, ".idx")));
  GROUTER_ASSIGN_OR_RETURN(dataset->bin_, files.Map(absl::StrCat(prefix, ".bin")));
  GROUTER_RETURN_IF_ERROR(dataset->Parse());
  return std::shared_ptr<const IndexedDataset>(std::move(dataset));
}

absl::Status IndexedDataset::Parse() {
  const std::string& path = index_->path();
  const auto damaged = [&](absl::string_view what, uint64_t offset) {
    return Error(absl::StatusCode::kDataLoss, what, absl::StrCat(path, " byte ", offset), kRemake);
  };
  ByteReader in(index_->bytes());
  if (in.GetRaw(kMagic.size()) != kMagic) {
    return Error(absl::StatusCode::kInvalidArgument, "not a Megatron .idx file", path,
                 "give the prefix of a .bin/.idx pair");
  }
  const auto version = in.Get<uint64_t>();
  type_ = static_cast<TokenType>(in.Get<uint8_t>());
  num_sequences_ = in.Get<uint64_t>();
  num_document_indices_ = in.Get<uint64_t>();
  if (!in.ok()) return damaged("the header is cut", index_->size());
  if (version != kVersion) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat(".idx version ", version), path,
                 "only version 1 is read");
  }
  const uint64_t width = TokenTypeBytes(type_);
  if (width == 0) return damaged(absl::StrCat("unknown dtype code ", static_cast<int>(type_)), 17);
  const uint64_t size = index_->size();
  if (num_sequences_ > size / 12 || num_document_indices_ > size / 8)
    return damaged("more entries than bytes", 18);
  if (num_document_indices_ == 0) return damaged("no document indices", 26);
  lengths_at_ = kHeaderBytes;
  offsets_at_ = lengths_at_ + 4 * num_sequences_;
  documents_at_ = offsets_at_ + 8 * num_sequences_;
  const uint64_t end = documents_at_ + 8 * num_document_indices_;
  if (size == end + num_sequences_ && num_sequences_ > 0) {
    modes_at_ = end;
  } else if (size != end) {
    return damaged(absl::StrCat("the file has ", size, " bytes, its header asks for ", end), size);
  }
  for (uint64_t i = 0; i < num_sequences_; ++i) {
    const auto length = At<int32_t>(lengths_at_, i);
    if (length < 0) return damaged("a negative length", lengths_at_ + 4 * i);
    const auto offset = static_cast<uint64_t>(At<int64_t>(offsets_at_, i));  // a negative one is too large
    const uint64_t bytes = static_cast<uint64_t>(length) * width;
    if (offset > bin_->size() || bytes > bin_->size() - offset) {
      return damaged(absl::StrCat("sequence ", i, " lies outside the .bin of ", bin_->size(), " bytes"),
                     offsets_at_ + 8 * i);
    }
    num_tokens_ += static_cast<uint64_t>(length);
  }
  uint64_t previous = 0;
  for (uint64_t i = 0; i < num_document_indices_; ++i) {
    const auto sequence = static_cast<uint64_t>(At<int64_t>(documents_at_, i));
    const bool first_is_zero = i > 0 || sequence == 0;
    if (!first_is_zero || sequence < previous || sequence > num_sequences_) {
      return damaged("document indices out of order", documents_at_ + 8 * i);
    }
    previous = sequence;
  }
  return absl::OkStatus();
}

uint32_t IndexedDataset::sequence_length(uint64_t sequence) const {
  GROUTER_CHECK(sequence < num_sequences_);
  return static_cast<uint32_t>(At<int32_t>(lengths_at_, sequence));
}

absl::string_view IndexedDataset::sequence_bytes(uint64_t sequence) const {
  const uint64_t bytes = uint64_t{sequence_length(sequence)} * TokenTypeBytes(type_);
  return bin_->bytes().substr(static_cast<uint64_t>(At<int64_t>(offsets_at_, sequence)), bytes);
}

absl::optional<int8_t> IndexedDataset::sequence_mode(uint64_t sequence) const {
  GROUTER_CHECK(sequence < num_sequences_);
  if (!modes_at_.has_value()) return absl::nullopt;
  return At<int8_t>(*modes_at_, sequence);
}

uint64_t IndexedDataset::document_begin(uint64_t document) const {
  GROUTER_CHECK(document < num_documents());
  return static_cast<uint64_t>(At<int64_t>(documents_at_, document));
}

uint64_t IndexedDataset::document_end(uint64_t document) const {
  GROUTER_CHECK(document < num_documents());
  return static_cast<uint64_t>(At<int64_t>(documents_at_, document + 1));
}

uint64_t IndexedDataset::document_length(uint64_t document) const {
  uint64_t length = 0;
  for (uint64_t s = document_begin(document); s < document_end(document); ++s) length += sequence_length(s);
  return length;
}

absl::Status IndexedDataset::CopyIds(uint64_t sequence, uint64_t first, absl::Span<uint32_t> ids) const {
  const char* from = sequence_bytes(sequence).data() + first * TokenTypeBytes(type_);
  if (Widen(type_, from, ids)) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss,
               absl::StrCat("sequence ", sequence, " has an id outside 0..2^32-1"), bin_->path(), kRemake);
}

absl::Status IndexedDataset::ReadDocument(uint64_t document, uint64_t offset,
                                          absl::Span<uint32_t> ids) const {
  if (!IsIntegerType(type_)) {
    return Error(absl::StatusCode::kInvalidArgument, "a dataset of floats has no token ids", prefix_,
                 "give a dataset of ids");
  }
  for (uint64_t s = document_begin(document); s < document_end(document) && !ids.empty(); ++s) {
    const uint64_t length = sequence_length(s);
    if (offset >= length) {
      offset -= length;
      continue;
    }
    const size_t count = static_cast<size_t>(std::min<uint64_t>(length - offset, ids.size()));
    GROUTER_RETURN_IF_ERROR(CopyIds(s, offset, ids.subspan(0, count)));
    ids.remove_prefix(count);
    offset = 0;
  }
  if (ids.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kOutOfRange,
               absl::StrCat(ids.size(), " tokens past the end of document ", document), prefix_,
               "is this the dataset that the sample index was made from?");
}

Digest IndexedDataset::ComputeDigest() const {
  Sha256Stream stream;
  ByteWriter sizes;
  sizes.PutString("grouter dataset 1");
  sizes.Put<uint64_t>(bin_->size());
  sizes.Put<uint64_t>(index_->size());
  stream.Update(sizes.bytes());
  stream.Update(bin_->bytes());
  stream.Update(index_->bytes());
  return stream.Finish();
}

absl::StatusOr<IndexedDatasetWriter> IndexedDatasetWriter::Create(FileSystem& files,
                                                                  const std::string& prefix, TokenType type) {
  GROUTER_CHECK(TokenTypeBytes(type) != 0);
  GROUTER_ASSIGN_OR_RETURN(AtomicFile bin, AtomicFile::Create(files, absl::StrCat(prefix, ".bin")));
  return IndexedDatasetWriter(files, prefix, type, std::move(bin));
}

IndexedDatasetWriter::IndexedDatasetWriter(FileSystem& files, std::string prefix, TokenType type,
                                           AtomicFile bin)
    : files_(&files), prefix_(std::move(prefix)), type_(type), bin_(std::move(bin)) {}

absl::Status IndexedDatasetWriter::AddSequence(absl::Span<const uint32_t> ids) {
  const uint64_t limit = IsIntegerType(type_) ? MaxId(type_) : 0;
  const auto too_large = std::find_if(ids.begin(), ids.end(), [&](uint32_t id) { return id > limit; });
  if (!IsIntegerType(type_) || too_large != ids.end()) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("a token id does not fit dtype code ", static_cast<int>(type_)),
                 absl::StrCat(prefix_, " sequence ", lengths_.size()), "choose a wider dtype");
  }
  std::string bytes;
  switch (TokenTypeBytes(type_)) {
    case 1:
      AppendAs<uint8_t>(ids, &bytes);
      break;
    case 2:
      AppendAs<uint16_t>(ids, &bytes);
      break;
    case 4:
      AppendAs<uint32_t>(ids, &bytes);
      break;
    default:
      AppendAs<uint64_t>(ids, &bytes);
  }
  return AddSequenceBytes(bytes);
}

absl::Status IndexedDatasetWriter::AddSequenceBytes(absl::string_view bytes, absl::optional<int8_t> mode) {
  const uint64_t length = bytes.size() / TokenTypeBytes(type_);
  const std::string where = absl::StrCat(prefix_, " sequence ", lengths_.size());
  if (bytes.size() % TokenTypeBytes(type_) != 0 || length > INT32_MAX) {
    return Error(absl::StatusCode::kInvalidArgument, "a sequence is not a whole number of tokens or too long",
                 where, "split sequences of more than 2^31-1 tokens");
  }
  if (mode.has_value() != !modes_.empty() && !lengths_.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "a mode for some sequences only", where,
                 "give every sequence a mode or none");
  }
  if (mode.has_value()) modes_.push_back(*mode);
  lengths_.push_back(static_cast<int32_t>(length));
  num_tokens_ += length;
  buffer_.append(bytes.data(), bytes.size());
  return buffer_.size() >= kBufferBytes ? Flush() : absl::OkStatus();
}

absl::Status IndexedDatasetWriter::Flush() {
  GROUTER_RETURN_IF_ERROR(bin_.Append(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

void IndexedDatasetWriter::EndDocument() {
  document_indices_.push_back(static_cast<int64_t>(lengths_.size()));
}

absl::Status IndexedDatasetWriter::Finish() {
  GROUTER_RETURN_IF_ERROR(Flush());
  ByteWriter header;
  header.PutRaw(kMagic.data(), kMagic.size());
  header.Put<uint64_t>(kVersion);
  header.Put<uint8_t>(static_cast<uint8_t>(type_));
  header.Put<uint64_t>(lengths_.size());
  header.Put<uint64_t>(document_indices_.size());
  header.PutRaw(lengths_.data(), lengths_.size() * sizeof(int32_t));
  int64_t offset = 0;
  for (const int32_t length : lengths_) {
    header.Put<int64_t>(offset);
    offset += int64_t{length} * TokenTypeBytes(type_);
  }
  header.PutRaw(document_indices_.data(), document_indices_.size() * sizeof(int64_t));
  header.PutRaw(modes_.data(), modes_.size());
  const std::string index_path = absl::StrCat(prefix_, ".idx");
  GROUTER_ASSIGN_OR_RETURN(AtomicFile index, AtomicFile::Create(*files_, index_path));
  GROUTER_RETURN_IF_ERROR(index.Append(header.bytes()));
  // An older .idx must never lie beside the new .bin.
  GROUTER_RETURN_IF_ERROR(files_->Remove(index_path));
  GROUTER_RETURN_IF_ERROR(bin_.Commit());
  return index.Commit();
}

}  // namespace grouter
