// PREFIX.json beside a dataset: what parses is written and read back the same.
#include <cstdint>

#include "data/token_manifest.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto manifest = grouter::TokenManifest::Parse(bytes, "fuzz");
  if (!manifest.ok()) return 0;
  const auto again = grouter::TokenManifest::Parse(manifest->ToJson(), "fuzz");
  GROUTER_CHECK(again.ok() && again->ToJson() == manifest->ToJson());
  return 0;
}
