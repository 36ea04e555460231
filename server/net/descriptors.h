// File descriptors: raises the soft limit and checks that a configuration fits.
#ifndef GROUTER_SERVER_NET_DESCRIPTORS_H_
#define GROUTER_SERVER_NET_DESCRIPTORS_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace grouter {

// Raises RLIMIT_NOFILE to the hard limit and returns it. FAILED_PRECONDITION when `max_connections` (two
// descriptors each) and `max_files` do not fit under it.
absl::StatusOr<uint64_t> RaiseDescriptorLimit(uint64_t max_connections, uint64_t max_files);

}  // namespace grouter

#endif  // GROUTER_SERVER_NET_DESCRIPTORS_H_
