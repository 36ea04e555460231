#include "trainer/pipeline/metrics_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "io/error.h"
#include "io/file.h"
#include "io/json.h"

namespace grouter {

absl::StatusOr<std::unique_ptr<MetricsLog>> MetricsLog::Open(const std::string& path, uint64_t next_step) {
  std::string kept;
  FileSystem& files = FileSystem::Local();
  if (next_step > 0 && files.Exists(path)) {
    GROUTER_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(path));
    for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      const auto json = ParseJson(line);
      if (!json.is_object() || !json.contains("step") || !json["step"].is_number_unsigned()) continue;
      const auto step = json["step"].get<uint64_t>();
      // A validation at `next_step` updates belongs to what was done before.
      if (step < next_step || (step == next_step && json.contains("valid_loss")))
        absl::StrAppend(&kept, line, "\n");
    }
  }
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(files, path, kept));
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "cannot open the metrics", path);
  return std::unique_ptr<MetricsLog>(new MetricsLog(fd, path));
}

MetricsLog::~MetricsLog() { close(fd_); }

absl::Status MetricsLog::Append(uint64_t step, uint64_t tokens,
                                const std::vector<std::pair<std::string, double>>& values) {
  nlohmann::ordered_json json;
  json["step"] = step;
  json["tokens"] = tokens;
  for (const auto& [name, value] : values) json[name] = value;
  const std::string line = json.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "cannot write metrics", path_);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace grouter
