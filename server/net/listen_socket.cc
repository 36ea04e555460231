#include "server/net/listen_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr char kUnixPrefix[] = "unix:";
constexpr size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr int kBacklog = 4096;

absl::Status BadAddress(const std::string& address) {
  return Error(absl::StatusCode::kInvalidArgument, "not an address to listen at", address,
               "Give host:port, [v6]:port or unix:PATH.");
}

absl::Status BindError(int error, const std::string& address) {
  if (error == EADDRINUSE) {
    return Error(absl::StatusCode::kFailedPrecondition, "the address is in use by another process", address,
                 "Choose another port or path, or end that process.");
  }
  return ErrnoError(error, "cannot listen", address);
}

bool SplitHostPort(const std::string& address, std::string* host, int* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), port) || *port < 0 ||
      *port > 65535) {
    return false;
  }
  *host = address.substr(0, colon);
  if (host->size() >= 2 && host->front() == '[' && host->back() == ']')
    *host = host->substr(1, host->size() - 2);
  return !host->empty();
}

bool IsLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                          : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
}

}  // namespace

bool IsLoopbackAddress(const std::string& address) {
  std::string host;
  int port = 0;
  addrinfo* found = nullptr;
  if (!SplitHostPort(address, &host, &port)) return false;
  if (getaddrinfo(host.c_str(), nullptr, nullptr, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  for (; found != nullptr; found = found->ai_next) {
    if (!IsLoopback(found->ai_addr)) return false;
  }
  return true;
}

absl::StatusOr<ListenSocket> ListenSocket::Open(const std::string& address) {
  if (absl::StartsWith(address, kUnixPrefix)) return OpenUnix(address.substr(std::strlen(kUnixPrefix)));
  return OpenTcp(address);
}

absl::StatusOr<ListenSocket> ListenSocket::OpenUnix(const std::string& path) {
  const std::string address = kUnixPrefix + path;
  if (path.empty() || path.size() > kMaxUnixPath) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("a unix socket path has 1 to ", kMaxUnixPath, " bytes"), address);
  }
  ListenSocket socket;
  socket.address_ = address;
  socket.lock_fd_ = open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  if (socket.lock_fd_ < 0) return ErrnoError(errno, "cannot create the socket's lock", path + ".lock");
  if (flock(socket.lock_fd_, LOCK_EX | LOCK_NB) != 0) return BindError(EADDRINUSE, address);
  unlink(path.c_str());  // ours by the lock: left behind by a killed process
  socket.fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket.fd_ < 0) return ErrnoError(errno, "cannot make a socket", address);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  if (bind(socket.fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0)
    return BindError(errno, address);
  socket.path_ = path;
  if (chmod(path.c_str(), 0660) != 0 || listen(socket.fd_, kBacklog) != 0) return BindError(errno, address);
  return socket;
}

absl::StatusOr<ListenSocket> ListenSocket::OpenTcp(const std::string& address) {
  std::string host;
  int port = 0;
  if (!SplitHostPort(address, &host, &port)) return BadAddress(address);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0 || found == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "the host's name has no address", address,
                 "Give a name or address of this machine.");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  ListenSocket socket;
  socket.fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket.fd_ < 0) return ErrnoError(errno, "cannot make a socket", address);
  const int one = 1;
  // Rebinds at once after a kill. Without SO_REUSEPORT: a second server on the port is an error, not a split.
  setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(socket.fd_, found->ai_addr, found->ai_addrlen) != 0) return BindError(errno, address);
  if (listen(socket.fd_, kBacklog) != 0) return BindError(errno, address);
  socket.loopback_ = IsLoopback(found->ai_addr);
  socket.port_ = PortOf(socket.fd_);
  socket.address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":", socket.port_);
  return socket;
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      port_(other.port_),
      loopback_(other.loopback_),
      path_(std::exchange(other.path_, "")),
      address_(other.address_) {}

ListenSocket::~ListenSocket() {
  if (!path_.empty()) unlink(path_.c_str());
  if (fd_ >= 0) close(fd_);
  if (lock_fd_ >= 0) close(lock_fd_);
}

}  // namespace grouter
