#include <cstdint>

#include "routing/network/router_spec.h"

// What is accepted is valid and reads back as it was written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto spec =
      grouter::RouterSpec::FromJson(absl::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!spec.ok()) return 0;
  const std::string json = spec->ToJson();
  const auto again = grouter::RouterSpec::FromJson(json, "fuzz");
  if (!again.ok() || again->ToJson() != json) __builtin_trap();
  return 0;
}
