#include <cstdint>

#include "io/safetensors.h"

// Every byte a view promises is read, so that a sanitizer sees one past the end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file =
      grouter::SafetensorsFile::Parse(absl::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!file.ok()) return 0;
  volatile uint8_t sum = 0;
  for (const grouter::TensorView& tensor : (*file)->tensors()) {
    if (tensor.bytes.size() != tensor.spec.num_bytes()) __builtin_trap();
    for (const char c : tensor.bytes) sum = static_cast<uint8_t>(sum + c);
  }
  return 0;
}
