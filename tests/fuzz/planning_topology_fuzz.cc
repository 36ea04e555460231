#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/topology.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto topology = grouter::Topology::FromJson(bytes, "fuzz");
  if (topology.ok()) GROUTER_CHECK(grouter::Topology::FromJson(topology->ToJson(), "again").ok());
  return 0;
}
