#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/job.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto draft = grouter::JobDraft::Decode(bytes);
  if (draft.ok()) {
    GROUTER_CHECK(draft->Encode() == bytes);
    draft->Validate().IgnoreError();
  }
  const auto spec = grouter::JobSpec::Decode(bytes);
  if (spec.ok()) GROUTER_CHECK(spec->Encode() == bytes);
  return 0;
}
