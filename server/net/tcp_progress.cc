#include "server/net/tcp_progress.h"

#include <linux/tcp.h>  // the C library's own header has an older tcp_info
#include <sys/socket.h>

#include <cstddef>

namespace grouter {
namespace {

constexpr int kTcpLevel = 6;  // IPPROTO_TCP, of a header that cannot be had beside <linux/tcp.h>

}  // namespace

absl::optional<uint64_t> BytesAcknowledged(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, kTcpLevel, TCP_INFO, &info, &size) != 0) return absl::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked)) return absl::nullopt;
  return info.tcpi_bytes_acked;
}

}  // namespace grouter
