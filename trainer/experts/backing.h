// Where experts lie that are not resident: host memory, or a file.
#ifndef GROUTER_TRAINER_EXPERTS_BACKING_H_
#define GROUTER_TRAINER_EXPERTS_BACKING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace grouter {

// An array of pages of equal size, zero at first. One thread at a time.
class ExpertBacking {
 public:
  virtual ~ExpertBacking() = default;
  virtual absl::Status Read(uint32_t page, float* to) = 0;
  virtual absl::Status Write(uint32_t page, const float* from) = 0;
};

absl::StatusOr<std::unique_ptr<ExpertBacking>> MakeMemoryBacking(uint32_t num_pages, uint64_t page_floats);
// The file is made, its disk reserved, and unlinked: it vanishes with the process. RESOURCE_EXHAUSTED when
// the disk is too small.
absl::StatusOr<std::unique_ptr<ExpertBacking>> MakeFileBacking(const std::string& path, uint32_t num_pages,
                                                               uint64_t page_floats);

// `num_floats` zeroed floats at a 64-byte boundary, freed with the pointer. RESOURCE_EXHAUSTED.
struct FreeFloats {
  void operator()(float* floats) const;
};
using FloatArray = std::unique_ptr<float[], FreeFloats>;
absl::StatusOr<FloatArray> AllocateFloats(uint64_t num_floats);

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_BACKING_H_
