#include "tests/fault/relay.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "tests/fault/loopback.h"

namespace grouter {
namespace testing {

struct Relay::Connection {
  int client = -1;
  int server = -1;
  int copy = -1;  // a second one to the server
  RelayFaults faults;
  uint64_t fault_after = UINT64_MAX;  // bytes towards the client
  std::atomic<bool> stalled{false};
  std::atomic<bool> ended{false};
  std::vector<std::thread> threads;

  // Both ends learn it; pending reads and writes end.
  void End() {
    ended = true;
    for (const int fd : {client, server, copy}) {
      if (fd >= 0) shutdown(fd, SHUT_RDWR);
    }
  }
  ~Connection() {
    for (std::thread& thread : threads) thread.join();
    for (const int fd : {client, server, copy}) {
      if (fd >= 0) close(fd);
    }
  }
};

Relay::Relay(const std::string& server, uint64_t seed) : server_port_(PortOf(server)), random_(seed) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  GROUTER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0);
  GROUTER_CHECK(listen(listener_, 128) == 0);
  socklen_t size = sizeof(any);
  GROUTER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) == 0);
  address_ = absl::StrCat("127.0.0.1:", ntohs(any.sin_port));
  acceptor_ = std::thread([this] { Accept(); });
}

Relay::~Relay() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  EndConnections();
}

void Relay::Set(const RelayFaults& faults) {
  MutexLock lock(&mutex_);
  faults_ = faults;
}

uint32_t Relay::faults_left() const {
  MutexLock lock(&mutex_);
  return faults_.num_connections;
}

void Relay::EndConnections() {
  std::vector<std::unique_ptr<Connection>> ending;
  {
    MutexLock lock(&mutex_);
    ending.swap(open_);
    for (const auto& connection : ending) connection->End();
    changed_.SignalAll();
  }
}

bool Relay::Wait(Connection* connection, std::chrono::steady_clock::time_point until) {
  MutexLock lock(&mutex_);
  while (!connection->ended && std::chrono::steady_clock::now() < until) changed_.WaitUntil(&mutex_, until);
  return !connection->ended;
}

void Relay::Accept() {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    auto connection = std::make_unique<Connection>();
    connection->client = client;
    Connection* const held = connection.get();
    MutexLock lock(&mutex_);
    if (stopped_) return;
    if (client < 0) continue;
    ++connections_;
    if (faults_.num_connections > 0) {
      --faults_.num_connections;
      held->faults = faults_;
      if (faults_.cut || faults_.stall) {
        held->fault_after = faults_.least_bytes + random_.Below(faults_.most_bytes - faults_.least_bytes + 1);
      }
    }
    held->server = Dial(server_port_);
    if (held->faults.receive_buffer_bytes > 0) {
      setsockopt(held->server, SOL_SOCKET, SO_RCVBUF, &held->faults.receive_buffer_bytes, sizeof(int));
    }
    if (held->server < 0) continue;  // refused: the client sees its connection closed
    if (held->faults.duplicate) {
      held->copy = Dial(server_port_);
      held->threads.emplace_back([held] {
        bool closed = false;
        while (!closed && !held->ended) ReadToEnd(held->copy, 100, &closed);
      });
    }
    held->threads.emplace_back([this, held] { Pump(held, false); });
    held->threads.emplace_back([this, held] { Pump(held, true); });
    open_.push_back(std::move(connection));
  }
}

void Relay::Pump(Connection* connection, bool towards_client) {
  const int from = towards_client ? connection->server : connection->client;
  const int to = towards_client ? connection->client : connection->server;
  char buffer[16384];
  uint64_t moved = 0;
  while (true) {
    const ssize_t got = read(from, buffer, sizeof(buffer));
    if (got <= 0 || connection->ended) break;
    absl::string_view bytes(buffer, static_cast<size_t>(got));
    if (connection->faults.delay.count() > 0 &&
        !Wait(connection, std::chrono::steady_clock::now() + connection->faults.delay)) {
      break;
    }
    if (connection->stalled) continue;  // half open: taken, and never passed on
    const bool faulty = towards_client && moved + bytes.size() > connection->fault_after;
    if (faulty) bytes = bytes.substr(0, connection->fault_after - moved);
    if (!SendAll(to, bytes)) break;
    if (!towards_client && connection->copy >= 0) SendAll(connection->copy, bytes);
    moved += bytes.size();
    if (!faulty) continue;
    if (connection->faults.stall) {
      ++stalls_;
      connection->stalled = true;
      continue;
    }
    ++cuts_;
    break;
  }
  if (connection->stalled && !connection->ended) return;  // the other end is not told
  connection->End();
}

}  // namespace testing
}  // namespace grouter
