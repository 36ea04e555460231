#include "tests/fault/loopback.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace grouter {
namespace testing {

int PortOf(const std::string& address) { return std::atoi(address.c_str() + address.rfind(':') + 1); }

int Dial(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) return fd;
  close(fd);
  return -1;
}

bool SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string ReadToEnd(int fd, int timeout_ms, bool* closed) {
  std::string all;
  *closed = false;
  char buffer[16384];
  pollfd waiting{fd, POLLIN, 0};
  while (poll(&waiting, 1, timeout_ms) > 0) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got <= 0) {
      *closed = true;
      break;
    }
    all.append(buffer, static_cast<size_t>(got));
  }
  return all;
}

}  // namespace testing
}  // namespace grouter
