// Listening sockets: TCP and unix, with errors a person can act on.
#ifndef GROUTER_SERVER_NET_LISTEN_SOCKET_H_
#define GROUTER_SERVER_NET_LISTEN_SOCKET_H_

#include <string>

#include "absl/status/statusor.h"

namespace grouter {

// Whether every address that `address` (host:port) stands for is one of the loopback interface.
bool IsLoopbackAddress(const std::string& address);

// Owns its descriptors; a unix socket's path is removed with it. Movable.
class ListenSocket {
 public:
  // `address` is "host:port" (port 0: any free one), "[v6]:port" or "unix:PATH" (at most 107 bytes; guarded
  // by a lock on PATH.lock, mode 0660). FAILED_PRECONDITION when the port or path is in use, INVALID_ARGUMENT
  // for an address that is none.
  static absl::StatusOr<ListenSocket> Open(const std::string& address);
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();

  int fd() const { return fd_; }
  bool is_unix() const { return !path_.empty(); }
  bool is_loopback() const { return loopback_; }  // a unix socket is
  int port() const { return port_; }              // 0 for a unix socket
  // What a client connects to: "host:port" with the real port, or "unix:PATH".
  const std::string& address() const { return address_; }

 private:
  ListenSocket() = default;
  static absl::StatusOr<ListenSocket> OpenUnix(const std::string& path);
  static absl::StatusOr<ListenSocket> OpenTcp(const std::string& address);

  int fd_ = -1;
  int lock_fd_ = -1;
  int port_ = 0;
  bool loopback_ = true;
  std::string path_;
  std::string address_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_NET_LISTEN_SOCKET_H_
