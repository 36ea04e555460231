// Errors as values: every failure a person may meet says what went wrong, where, and what to do.
#ifndef GROUTER_IO_ERROR_H_
#define GROUTER_IO_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// A status whose message reads "WHAT (WHERE); FIX". `where` is a file with an offset, a host:port, a field
// name or a step; `fix` is an imperative sentence. Empty parts are left out. `code` follows gRPC's meaning:
//   INVALID_ARGUMENT     the caller's input is wrong           NOT_FOUND     a named thing does not exist
//   FAILED_PRECONDITION  right input, wrong state              DATA_LOSS     stored bytes are damaged
//   OUT_OF_RANGE         past the end                          UNAVAILABLE   try again, or another server
//   RESOURCE_EXHAUSTED   memory, disk, descriptors, quota      UNIMPLEMENTED a version or feature we lack
absl::Status Error(absl::StatusCode code, absl::string_view what, absl::string_view where = "",
                   absl::string_view fix = "");

// The same code with `context` put before the message: "context: message". OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// From errno `error`: ENOSPC, EDQUOT and EMFILE become RESOURCE_EXHAUSTED, ENOENT NOT_FOUND, EACCES
// PERMISSION_DENIED, others UNKNOWN; each with a fix.
absl::Status ErrnoError(int error, absl::string_view what, absl::string_view where);

// Process exit codes: 0 ok, 1 a finding (never made here), 2 wrong usage or configuration
// (INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND, OUT_OF_RANGE), 3 any other failure.
int ExitCode(const absl::Status& status);

}  // namespace grouter

// Evaluates an absl::Status; returns it from the enclosing function if it is not OK.
#define GROUTER_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    absl::Status grouter_status_ = (expr);             \
    if (!grouter_status_.ok()) return grouter_status_; \
  } while (false)

#define GROUTER_CONCAT_INNER_(a, b) a##b
#define GROUTER_CONCAT_(a, b) GROUTER_CONCAT_INNER_(a, b)

// GROUTER_ASSIGN_OR_RETURN(auto x, F()): unwraps a StatusOr or returns its status.
#define GROUTER_ASSIGN_OR_RETURN(lhs, expr) \
  GROUTER_ASSIGN_OR_RETURN_IMPL_(GROUTER_CONCAT_(grouter_statusor_, __LINE__), lhs, expr)
#define GROUTER_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expr) \
  auto statusor = (expr);                                   \
  if (!statusor.ok()) return statusor.status();             \
  lhs = std::move(statusor).value()

// A programmer's mistake, never bad input: prints the place and aborts ("Dies if" in contracts).
#define GROUTER_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::grouter::CheckFailed(#condition, __FILE__, __LINE__))

namespace grouter {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace grouter

#endif  // GROUTER_IO_ERROR_H_
