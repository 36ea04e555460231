#include "server/net/descriptors.h"

#include <sys/resource.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kForTheRest = 128;  // logs, epoll sets, listeners, libraries

}  // namespace

absl::StatusOr<uint64_t> RaiseDescriptorLimit(uint64_t max_connections, uint64_t max_files) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return ErrnoError(errno, "cannot read the limit", "RLIMIT_NOFILE");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return ErrnoError(errno, "cannot raise the limit", "RLIMIT_NOFILE");
  const uint64_t needed = 2 * max_connections + max_files + kForTheRest;
  if (limit.rlim_cur != RLIM_INFINITY && needed > limit.rlim_cur) {
    return Error(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the limits need ", needed, " file descriptors, the process may have ", limit.rlim_cur),
        "RLIMIT_NOFILE", "Raise the hard limit (ulimit -Hn) or lower limits.max_connections.");
  }
  return limit.rlim_cur;
}

}  // namespace grouter
