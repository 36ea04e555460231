// Sample index files: what parses encodes to the same bytes (its digest is checked, so only seeds parse).
#include <cstdint>
#include <string>

#include "data/sample_index_format.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto view = grouter::ParseSampleIndex(bytes, "fuzz");
  if (view.ok()) {
    const std::string again = grouter::EncodeSampleIndex(view->header, view->records, view->ranges);
    GROUTER_CHECK(again.size() == bytes.size() && again.substr(16) == bytes.substr(16));
  }
  return 0;
}
