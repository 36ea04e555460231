#include "server/registry/mapping_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "io/error.h"
#include "io/mutex.h"

namespace grouter {
namespace {

constexpr size_t kMaxMappings = 65536;

// Read by the signal handler: fixed storage, atomics alone. `end` is written last and cleared first.
struct Range {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> faulted{false};
};
Range g_ranges[kMaxMappings];
std::atomic<size_t> g_num_ranges{0};  // ever used
uintptr_t g_page = 4096;
struct sigaction g_previous;

// What a file was when it was mapped.
struct Identity {
  std::string path;
  dev_t device;
  ino_t inode;
  off_t size;
  timespec changed;
};

struct Watched {
  Mutex mutex;
  std::map<size_t, Identity> files ABSL_GUARDED_BY(mutex);  // by index into g_ranges
};

Watched& TheWatched() {
  static auto* const watched = new Watched;
  return *watched;
}

void OnBusError(int signal, siginfo_t* info, void*) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  const size_t count = g_num_ranges.load();
  for (size_t i = 0; i < count; ++i) {
    const uintptr_t end = g_ranges[i].end.load();
    if (end == 0 || address < g_ranges[i].begin.load() || address >= end) continue;
    g_ranges[i].faulted = true;
    void* const page = reinterpret_cast<void*>(address / g_page * g_page);
    if (mmap(page, g_page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) return;
  }
  sigaction(signal, &g_previous, nullptr);  // not ours: the fault happens again and ends the process
}

bool ReadIdentity(const std::string& path, Identity* identity) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return false;
  *identity = {path, info.st_dev, info.st_ino, info.st_size, info.st_mtim};
  return true;
}

size_t Watch(absl::string_view bytes, const Identity& identity) {
  Watched& watched = TheWatched();
  MutexLock lock(&watched.mutex);
  size_t index = 0;
  while (watched.files.count(index) > 0) ++index;
  if (index >= kMaxMappings) return kMaxMappings;
  watched.files[index] = identity;
  g_ranges[index].faulted = false;
  g_ranges[index].begin = reinterpret_cast<uintptr_t>(bytes.data());
  g_ranges[index].end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
  if (index >= g_num_ranges) g_num_ranges = index + 1;
  return index;
}

void Unwatch(size_t index) {
  if (index >= kMaxMappings) return;
  g_ranges[index].end = 0;
  Watched& watched = TheWatched();
  MutexLock lock(&watched.mutex);
  watched.files.erase(index);
}

class WatchedFile : public MappedFile {
 public:
  WatchedFile(std::shared_ptr<const MappedFile> file, const Identity& identity)
      : MappedFile(file->path(), file->bytes()), file_(std::move(file)), index_(Watch(bytes(), identity)) {}
  ~WatchedFile() override { Unwatch(index_); }

 private:
  const std::shared_ptr<const MappedFile> file_;
  const size_t index_;
};

std::string WhatChanged(const Identity& then) {
  Identity now;
  if (!ReadIdentity(then.path, &now)) return "";                        // gone: the mapping is whole
  if (now.device != then.device || now.inode != then.inode) return "";  // another file has its name
  if (now.size < then.size) return "a file of the table shrank";
  const bool same_time =
      now.changed.tv_sec == then.changed.tv_sec && now.changed.tv_nsec == then.changed.tv_nsec;
  return same_time && now.size == then.size ? "" : "a file of the table was written to";
}

}  // namespace

void InstallMappingGuard() {
  static const bool installed = [] {
    g_page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &g_previous) == 0;
  }();
  GROUTER_CHECK(installed);
}

absl::StatusOr<std::shared_ptr<const MappedFile>> GuardedFiles::Map(const std::string& path) {
  Identity identity;
  const bool known = ReadIdentity(path, &identity);
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, files_.Map(path));
  if (!known || file->size() == 0) return file;
  return std::shared_ptr<const MappedFile>(std::make_shared<WatchedFile>(std::move(file), identity));
}

std::vector<DamagedMapping> FindDamagedMappings() {
  std::vector<DamagedMapping> damaged;
  Watched& watched = TheWatched();
  MutexLock lock(&watched.mutex);
  for (const auto& [index, identity] : watched.files) {
    std::string why = g_ranges[index].faulted ? "a file of the table shrank" : WhatChanged(identity);
    if (!why.empty()) damaged.push_back({identity.path, std::move(why)});
  }
  return damaged;
}

}  // namespace grouter
