#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto part = grouter::DecodeStepPart(bytes);
  if (part.ok()) GROUTER_CHECK(grouter::EncodeStepPart(*part) == bytes);
  return 0;
}
