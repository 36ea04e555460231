// Any bytes as a .npy array; then every element is read.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "routing/table/exchange/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto array = grouter::ParseNpy(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!array.ok()) return 0;
  for (uint64_t i = 0; i < std::min<uint64_t>(array->num_elements(), 4096); ++i) {
    if (array->IsInteger()) array->Integer(i);
    array->Number(i);
  }
  return 0;
}
