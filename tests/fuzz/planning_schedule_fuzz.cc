#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/placement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto schedule = grouter::PlacementSchedule::Decode(bytes);
  if (schedule.ok()) GROUTER_CHECK(schedule->Encode() == bytes);
  return 0;
}
