// The accept loop: connections are counted, capped and prepared here before gRPC sees them.
#ifndef GROUTER_SERVER_NET_ACCEPTOR_H_
#define GROUTER_SERVER_NET_ACCEPTOR_H_

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "io/mutex.h"
#include "server/net/listen_socket.h"
#include "server/stats/counters.h"
#include "server/stats/heartbeat.h"

namespace grouter {

struct AcceptorOptions {
  uint32_t max_connections = 4096;
  uint32_t max_connections_per_peer = 1024;  // of one IP address, or of one user on a unix socket
  int send_buffer_bytes = 1 << 20;           // a reader that stalls pins no more than this in the kernel
};

// One thread. Owns the sockets. A duplicate of each connection's descriptor tells when gRPC has closed it.
class Acceptor {
 public:
  // Called on the accept thread with a connection it now owns, and the listening descriptor it came by.
  using HandOver = std::function<void(int listener_fd, int fd)>;

  Acceptor(std::vector<ListenSocket> sockets, AcceptorOptions options, Counters* counters,
           HandOver hand_over);
  // Stops accepting and joins.
  ~Acceptor();

  absl::Status Start();
  void Stop();
  const std::vector<ListenSocket>& sockets() const { return sockets_; }
  // Bytes that the TCP peer which gRPC calls `peer` ("ipv4:127.0.0.1:4242") has acknowledged since it
  // connected. Absent for a connection that is gone or not TCP.
  absl::optional<uint64_t> BytesAccepted(const std::string& peer) const;
  const Heartbeat& heartbeat() const { return heartbeat_; }

 private:
  struct Peer {
    std::string who;   // an IP address, or a unix socket's user
    std::string name;  // gRPC's; empty when it is not TCP
  };

  static Peer PeerOf(int fd);
  void Work();
  void Accept(int listener);
  void Take(int listener, int fd);
  void Refuse(int fd, const char* reason);
  void Closed(int duplicate);
  void ShedOne(int listener);

  std::vector<ListenSocket> sockets_;
  const AcceptorOptions options_;
  Counters* const counters_;
  const HandOver hand_over_;
  std::thread thread_;
  int epoll_ = -1;
  int stop_event_ = -1;
  int reserve_ = -1;  // given up to shed a connection when descriptors run out
  Heartbeat heartbeat_;
  mutable Mutex mutex_;
  std::map<std::string, int> by_name_ ABSL_GUARDED_BY(mutex_);  // gRPC's name of a TCP peer -> duplicate
  std::map<int, Peer> peers_;                                   // by duplicate
  std::map<std::string, uint32_t> connections_of_;              // peer -> open
};

}  // namespace grouter

#endif  // GROUTER_SERVER_NET_ACCEPTOR_H_
