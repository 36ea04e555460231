// Any bytes as a manifest: as they are, and with the checksum made right so that the parser behind it is met.
#include <cstddef>
#include <cstdint>
#include <string>

#include "io/digest.h"
#include "io/error.h"
#include "routing/table/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  grouter::DecodeManifest(bytes).status().IgnoreError();
  if (size < 32 + 24) return 0;
  const uint64_t payload = size - 32 - 24;
  bytes.replace(16, 8, reinterpret_cast<const char*>(&payload), 8);
  const grouter::Digest digest = grouter::Sha256(bytes.substr(0, size - 32));
  bytes.replace(size - 32, 32, reinterpret_cast<const char*>(digest.bytes.data()), 32);
  const auto manifest = grouter::DecodeManifest(bytes);
  if (manifest.ok() && manifest->format_minor <= grouter::kTableFormatMinor) {
    GROUTER_CHECK(grouter::EncodeManifest(*manifest) == bytes);
  }
  return 0;
}
