#include "server/registry/roots.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "routing/planning/placement.h"
#include "routing/table/manifest.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxScheduleBytes = uint64_t{1} << 30;

enum class Kind { kFolder, kFile, kOther };

Kind KindOf(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return Kind::kOther;
  return S_ISDIR(info.st_mode) ? Kind::kFolder : S_ISREG(info.st_mode) ? Kind::kFile : Kind::kOther;
}

class Walk {
 public:
  Walk(FileSystem& files, RootContents* found) : files_(files), found_(*found) {}

  void Enter(const std::string& folder, const std::string& relative, int depth) {
    const absl::StatusOr<std::vector<std::string>> names = files_.List(folder);
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      if (name.front() == '.') continue;
      const std::string path = JoinPath(folder, name);
      const std::string below = relative.empty() ? name : JoinPath(relative, name);
      const Kind kind = KindOf(path);
      if (kind == Kind::kFolder && depth < kMaxRootDepth) Enter(path, below, depth + 1);
      if (kind != Kind::kFile) continue;
      if (name == kManifestName) AddTable(folder, relative, path);
      if (absl::EndsWith(name, kScheduleSuffix)) AddSchedule(path, below);
    }
  }

 private:
  void AddTable(const std::string& folder, const std::string& relative, const std::string& manifest_path) {
    const absl::StatusOr<std::string> bytes = files_.ReadFile(manifest_path, kMaxManifestBytes);
    if (!bytes.ok()) return;
    const absl::StatusOr<Manifest> manifest = DecodeManifest(*bytes);
    if (!manifest.ok()) return;
    const Artefact table = {folder, relative.empty() ? "." : relative, manifest->tier == TableTier::kPacked};
    const auto entry = found_.tables.insert({manifest->content_digest, table});
    if (!entry.second && entry.first->second.packed && !table.packed) entry.first->second = table;
  }
  void AddSchedule(const std::string& path, const std::string& relative) {
    const absl::StatusOr<std::string> bytes = files_.ReadFile(path, kMaxScheduleBytes);
    if (!bytes.ok()) return;
    if (PlacementSchedule::Decode(*bytes).ok()) found_.schedules.insert({Sha256(*bytes), {path, relative}});
  }

  FileSystem& files_;
  RootContents& found_;
};

}  // namespace

RootContents ScanRoots(const std::vector<std::string>& roots, FileSystem& files) {
  RootContents found;
  for (const std::string& root : roots) Walk(files, &found).Enter(root, "", 0);
  return found;
}

}  // namespace grouter
