// What a pipeline remembers of its finished steps: a step is finished when its key (digest of its inputs and
// settings) is the recorded one and its outputs still have the recorded digests. Names and times decide
// nothing.
#ifndef GROUTER_TOOLS_PIPELINE_LEDGER_H_
#define GROUTER_TOOLS_PIPELINE_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// SHA-256 of a file's bytes, or of a folder: its regular files' relative names and digests in byte order of
// the names. Names that start with a dot are left out. NOT_FOUND when there is nothing.
absl::StatusOr<Digest> DigestPath(const std::string& path);

struct StepRecord {
  Digest key;
  std::map<std::string, Digest> outputs;  // by path
  double seconds = 0;
  uint64_t peak_memory_bytes = 0;
};

// Records lie as FOLDER/STEP.json, each written atomically. One thread; one process at a time.
class Ledger {
 public:
  Ledger(FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}
  // Nothing when there is no record or it is damaged (the step then runs again).
  absl::optional<StepRecord> Find(const std::string& step);
  absl::Status Write(const std::string& step, const StepRecord& record);
  absl::Status Forget(const std::string& step);

 private:
  std::string PathOf(const std::string& step) const;
  FileSystem& files_;
  std::string folder_;
};

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_LEDGER_H_
