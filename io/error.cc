#include "io/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace grouter {

absl::Status Error(absl::StatusCode code, absl::string_view what, absl::string_view where,
                   absl::string_view fix) {
  std::string message(what);
  if (!where.empty()) absl::StrAppend(&message, " (", where, ")");
  if (!fix.empty()) absl::StrAppend(&message, "; ", fix);
  return absl::Status(code, message);
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

absl::Status ErrnoError(int error, absl::string_view what, absl::string_view where) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Error(absl::StatusCode::kResourceExhausted, text, where,
                   "free space on that disk or choose another folder, then run the same command again");
    case EMFILE:
    case ENFILE:
      return Error(absl::StatusCode::kResourceExhausted, text, where,
                   "raise the limit of open files (ulimit -n)");
    case ENOENT:
      return Error(absl::StatusCode::kNotFound, text, where, "check the path");
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(absl::StatusCode::kPermissionDenied, text, where, "check the owner and mode of that path");
    case EEXIST:
      return Error(absl::StatusCode::kAlreadyExists, text, where, "remove it or choose another path");
    case EADDRINUSE:
      return Error(absl::StatusCode::kFailedPrecondition, text, where,
                   "stop the process that holds it or choose another");
    case ENOMEM:
      return Error(absl::StatusCode::kResourceExhausted, text, where, "free memory");
    default:
      return Error(absl::StatusCode::kUnknown, text, where, "");
  }
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
      return 2;
    default:
      return 3;
  }
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s (%s:%d). This is a bug in Grouter.\n", condition, file, line);
  std::abort();
}

}  // namespace grouter
