#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "routing/planning/job.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto draft = grouter::JobDraft::FromJson(bytes, "fuzz");
  if (draft.ok()) {
    draft->Validate().IgnoreError();
    GROUTER_CHECK(grouter::JobDraft::FromJson(draft->ToJson(), "again").ok());
  }
  grouter::JobSpec::FromJson(bytes, "fuzz").status().IgnoreError();
  return 0;
}
