// Digests and checksums: SHA-256 names artefacts, CRC32C guards bytes.
#ifndef GROUTER_IO_DIGEST_H_
#define GROUTER_IO_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// A SHA-256 value. A plain value, copied freely. All zeros means "unknown" where a format allows it.
struct Digest {
  std::array<uint8_t, 32> bytes{};

  bool IsZero() const;
  std::string Hex() const;       // 64 lower-case hexadecimal digits
  std::string ShortHex() const;  // the first 12, for people
  // INVALID_ARGUMENT unless `hex` is exactly 64 hexadecimal digits.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);

  friend bool operator==(const Digest& a, const Digest& b) { return a.bytes == b.bytes; }
  friend bool operator!=(const Digest& a, const Digest& b) { return a.bytes != b.bytes; }
  friend bool operator<(const Digest& a, const Digest& b) { return a.bytes < b.bytes; }
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.bytes);
  }
};

Digest Sha256(const void* data, size_t num_bytes);
inline Digest Sha256(absl::string_view bytes) { return Sha256(bytes.data(), bytes.size()); }

// SHA-256 of bytes given piece by piece. One thread at a time. Finish once, then the object is spent.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void Update(const void* data, size_t num_bytes);
  void Update(absl::string_view bytes) { Update(bytes.data(), bytes.size()); }
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// CRC-32C (Castagnoli, RFC 3720): Crc32c("123456789") == 0xE3069283. `crc` continues an earlier value.
uint32_t Crc32c(const void* data, size_t num_bytes, uint32_t crc = 0);
inline uint32_t Crc32c(absl::string_view bytes) { return Crc32c(bytes.data(), bytes.size()); }

}  // namespace grouter

#endif  // GROUTER_IO_DIGEST_H_
