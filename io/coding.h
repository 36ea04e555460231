// Canonical little-endian encoding: the bytes that digests are taken over and that plans, tables and
// artefacts are stored in. Fixed-width integers, little-endian; strings and byte runs carry a u32 or u64
// length before them. No varints, no padding, no field tags.
#ifndef GROUTER_IO_CODING_H_
#define GROUTER_IO_CODING_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/digest.h"

namespace grouter {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are copied as they lie in memory");

// Appends values to a string it owns. One thread at a time.
class ByteWriter {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(std::is_arithmetic<T>::value, "fixed-width numbers only");
    PutRaw(&value, sizeof(value));
  }
  void PutRaw(const void* data, size_t num_bytes) {
    bytes_.append(static_cast<const char*>(data), num_bytes);
  }
  void PutString(absl::string_view s) {  // u32 length, bytes
    Put<uint32_t>(static_cast<uint32_t>(s.size()));
    PutRaw(s.data(), s.size());
  }
  void PutDigest(const Digest& d) { PutRaw(d.bytes.data(), d.bytes.size()); }
  template <typename T>
  void PutArray(absl::Span<const T> values) {  // u64 count, elements
    static_assert(std::is_arithmetic<T>::value, "fixed-width numbers only");
    Put<uint64_t>(values.size());
    PutRaw(values.data(), values.size() * sizeof(T));
  }
  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote, from bytes it does not own. Never reads past the end and never allocates
// more than the input holds: after the first short read, ok() is false and every Get returns zero.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Get() {
    static_assert(std::is_arithmetic<T>::value, "fixed-width numbers only");
    T value{};
    if (const char* p = Skip(sizeof(T))) std::memcpy(&value, p, sizeof(T));
    return value;
  }
  absl::string_view GetRaw(uint64_t num_bytes) {
    const char* p = Skip(num_bytes);
    return p == nullptr ? absl::string_view() : absl::string_view(p, num_bytes);
  }
  std::string GetString() { return std::string(GetRaw(Get<uint32_t>())); }
  Digest GetDigest() {
    Digest digest;
    if (const char* p = Skip(digest.bytes.size())) std::memcpy(digest.bytes.data(), p, digest.bytes.size());
    return digest;
  }
  template <typename T>
  std::vector<T> GetArray() {
    const uint64_t count = Get<uint64_t>();
    std::vector<T> values;
    if (count > remaining() / sizeof(T)) {
      ok_ = false;
      return values;
    }
    values.resize(count);
    const absl::string_view raw = GetRaw(count * sizeof(T));
    if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

  bool ok() const { return ok_; }
  // True when everything was read and nothing was missing.
  bool AtEnd() const { return ok_ && offset_ == bytes_.size(); }
  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return ok_ ? bytes_.size() - offset_ : 0; }

 private:
  const char* Skip(uint64_t num_bytes) {
    if (!ok_ || num_bytes > bytes_.size() - offset_) {
      ok_ = false;
      return nullptr;
    }
    const char* p = bytes_.data() + offset_;
    offset_ += num_bytes;
    return p;
  }

  absl::string_view bytes_;
  uint64_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace grouter

#endif  // GROUTER_IO_CODING_H_
