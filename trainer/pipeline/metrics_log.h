// metrics.jsonl: one JSON object a line, for reports and people who plot.
#ifndef GROUTER_TRAINER_PIPELINE_METRICS_LOG_H_
#define GROUTER_TRAINER_PIPELINE_METRICS_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace grouter {

// Appends lines to a file; each line is written whole. One thread at a time.
class MetricsLog {
 public:
  // Keeps the lines of an earlier run whose "step" is below `next_step`, so that a resumed run continues its
  // file; with next_step 0 it starts anew.
  static absl::StatusOr<std::unique_ptr<MetricsLog>> Open(const std::string& path, uint64_t next_step);
  ~MetricsLog();
  // {"step": .., "tokens": .., then `values`}. Numbers that are not finite are written as null.
  absl::Status Append(uint64_t step, uint64_t tokens,
                      const std::vector<std::pair<std::string, double>>& values);

 private:
  MetricsLog(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  const int fd_;
  const std::string path_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_METRICS_LOG_H_
