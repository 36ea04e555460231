#include "io/digest.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "io/error.h"

namespace grouter {

bool Digest::IsZero() const {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

std::string Digest::Hex() const {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string Digest::ShortHex() const { return Hex().substr(0, 12); }

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  const bool valid = hex.size() == 64 && std::all_of(hex.begin(), hex.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                     });
  if (!valid) {
    return Error(absl::StatusCode::kInvalidArgument, "not a SHA-256 digest", hex.substr(0, 80),
                 "give 64 hexadecimal digits");
  }
  const std::string raw = absl::HexStringToBytes(hex);
  Digest digest;
  std::memcpy(digest.bytes.data(), raw.data(), digest.bytes.size());
  return digest;
}

struct Sha256Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  GROUTER_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(const void* data, size_t num_bytes) {
  GROUTER_CHECK(EVP_DigestUpdate(state_->context, data, num_bytes) == 1);
}

Digest Sha256Stream::Finish() {
  Digest digest;
  GROUTER_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), nullptr) == 1);
  return digest;
}

Digest Sha256(const void* data, size_t num_bytes) {
  Sha256Stream stream;
  stream.Update(data, num_bytes);
  return stream.Finish();
}

uint32_t Crc32c(const void* data, size_t num_bytes, uint32_t crc) {
  // ISA-L takes an int length and leaves the customary inversions to its caller.
  constexpr size_t kMaxPiece = size_t{1} << 30;
  auto* bytes = static_cast<unsigned char*>(const_cast<void*>(data));
  uint32_t state = ~crc;
  while (num_bytes > 0) {
    const size_t piece = std::min(num_bytes, kMaxPiece);
    state = crc32_iscsi(bytes, static_cast<int>(piece), state);
    bytes += piece;
    num_bytes -= piece;
  }
  return ~state;
}

}  // namespace grouter
