// Configuration files.
#include <cstdint>
#include <string>

#include "io/error.h"
#include "server/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = grouter::MergeText(grouter::DefaultConfig(), text, "fuzz");
  if (!config.ok()) return 0;
  const auto again =
      grouter::MergeText(grouter::server::ServerConfig(), grouter::PrintConfig(*config), "fuzz");
  GROUTER_CHECK(again.ok());
  GROUTER_CHECK(again->SerializeAsString() == config->SerializeAsString());
  return 0;
}
