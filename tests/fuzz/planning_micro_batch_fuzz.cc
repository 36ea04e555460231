#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/certificate.h"
#include "routing/planning/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto plan = grouter::DecodeMicroBatchPlan(bytes, nullptr);
  if (plan.ok()) {
    GROUTER_CHECK(grouter::EncodeMicroBatchPlan(*plan).Flatten() == bytes);
    grouter::JobSpec spec;
    spec.draft.tables.resize(1);
    spec.draft.topology = grouter::Topology::Uniform(2, 1);
    spec.draft.ep_size = 2;
    spec.draft.model.hidden_size = 8;
    const grouter::Placement placement(2, grouter::LayerPlacement::Contiguous(16, 2));
    grouter::CheckMicroBatchPlan(spec, placement, *plan).IgnoreError();
  }
  return 0;
}
