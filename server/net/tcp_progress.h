// How far the other end of a TCP connection has come.
#ifndef GROUTER_SERVER_NET_TCP_PROGRESS_H_
#define GROUTER_SERVER_NET_TCP_PROGRESS_H_

#include <cstdint>

#include "absl/types/optional.h"

namespace grouter {

// Bytes of ours that the peer has acknowledged since it connected. Absent for what is no TCP socket.
absl::optional<uint64_t> BytesAcknowledged(int fd);

}  // namespace grouter

#endif  // GROUTER_SERVER_NET_TCP_PROGRESS_H_
