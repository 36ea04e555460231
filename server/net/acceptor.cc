#include "server/net/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "server/net/tcp_progress.h"

namespace grouter {
namespace {

constexpr int kMaxEvents = 64;
constexpr int kAcceptsPerRound = 64;
constexpr int kRoundMs = 1000;

int OpenReserve() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

void Watch(int epoll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

// Who connects, and the name that gRPC gives a TCP peer.
Acceptor::Peer Acceptor::PeerOf(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return {"unknown", ""};
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<sockaddr_in&>(peer);
    const std::string address = inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return {address, absl::StrCat("ipv4:", address, ":", ntohs(v4.sin_port))};
  }
  if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<sockaddr_in6&>(peer);
    const std::string address = inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    return {address, absl::StrCat("ipv6:%5B", address, "%5D:", ntohs(v6.sin6_port))};
  }
  ucred user{};
  socklen_t size = sizeof(user);
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size);
  return {absl::StrCat("uid ", user.uid), ""};
}

Acceptor::Acceptor(std::vector<ListenSocket> sockets, AcceptorOptions options, Counters* counters,
                   HandOver hand_over)
    : sockets_(std::move(sockets)),
      options_(options),
      counters_(counters),
      hand_over_(std::move(hand_over)) {}

Acceptor::~Acceptor() {
  Stop();
  for (const auto& [duplicate, peer] : peers_) close(duplicate);
  for (const int fd : {epoll_, stop_event_, reserve_}) {
    if (fd >= 0) close(fd);
  }
}

absl::Status Acceptor::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  stop_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  reserve_ = OpenReserve();
  if (epoll_ < 0 || stop_event_ < 0 || reserve_ < 0)
    return ErrnoError(errno, "cannot start accepting", "listener");
  Watch(epoll_, stop_event_, EPOLLIN);
  for (const ListenSocket& socket : sockets_) Watch(epoll_, socket.fd(), EPOLLIN);
  thread_ = std::thread([this] { Work(); });
  return absl::OkStatus();
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (write(stop_event_, &one, sizeof(one)) != sizeof(one)) return;
  thread_.join();
}

void Acceptor::Work() {
  epoll_event events[kMaxEvents];
  while (true) {
    const int count = epoll_wait(epoll_, events, kMaxEvents, kRoundMs);
    const Heartbeat::Round round(&heartbeat_);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_event_) return;
      if (peers_.count(fd) > 0) {
        Closed(fd);
      } else {
        Accept(fd);
      }
    }
  }
}

void Acceptor::Accept(int listener) {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      Take(listener, fd);
    } else if (errno == EMFILE || errno == ENFILE) {
      return ShedOne(listener);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Acceptor::Take(int listener, int fd) {
  const Peer from = PeerOf(fd);
  const std::string& peer = from.who;
  if (peers_.size() >= options_.max_connections) return Refuse(fd, "max_connections");
  if (connections_of_[peer] >= options_.max_connections_per_peer)
    return Refuse(fd, "max_connections_per_peer");
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) {
    if (connections_of_[peer] == 0) connections_of_.erase(peer);
    return Refuse(fd, "descriptors");
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options_.send_buffer_bytes, sizeof(options_.send_buffer_bytes));
  peers_[duplicate] = from;
  if (!from.name.empty()) {
    MutexLock lock(&mutex_);
    by_name_[from.name] = duplicate;
  }
  ++connections_of_[peer];
  ++counters_->connections;
  ++counters_->connections_accepted;
  Watch(epoll_, duplicate, 0);  // hang-up alone
  hand_over_(listener, fd);
}

void Acceptor::Refuse(int fd, const char* reason) {
  ++counters_->connections_refused;
  counters_->rejects.Add(reason);
  close(fd);  // last: who sees the end sees the count
}

void Acceptor::Closed(int duplicate) {
  const auto it = peers_.find(duplicate);
  const auto count = connections_of_.find(it->second.who);
  if (--count->second == 0) connections_of_.erase(count);
  {
    MutexLock lock(&mutex_);
    const auto named = by_name_.find(it->second.name);
    if (named != by_name_.end() && named->second == duplicate) by_name_.erase(named);
  }
  peers_.erase(it);
  --counters_->connections;
  // gRPC may hold the socket a little longer, so closing alone would leave it in the set.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, duplicate, nullptr);
  close(duplicate);
}

absl::optional<uint64_t> Acceptor::BytesAccepted(const std::string& peer) const {
  MutexLock lock(&mutex_);  // held, so that the descriptor stays this connection's
  const auto it = by_name_.find(peer);
  if (it == by_name_.end()) return absl::nullopt;
  return BytesAcknowledged(it->second);
}

void Acceptor::ShedOne(int listener) {
  close(reserve_);
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) Refuse(fd, "descriptors");
  reserve_ = OpenReserve();
}

}  // namespace grouter
