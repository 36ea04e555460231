// The same plans without gRPC: a hand-written epoll server that answers each request alone, and its clients.
//
//   raw_load serve PLAN_BYTES [PLANS]                  prints "listening on ADDRESS"; ends with its input; so
//                                                      many plans lie in memory and are sent in turn
//   raw_load load ADDRESS PLAN_BYTES STREAMS SECONDS PID   closed loop, 8 requests of each stream under way;
//   the
//                                                      processor time of PID, the server, is told
//   raw_load ping ADDRESS SECONDS                      one byte there and back each millisecond, on one of
//   two
//                                                      connections; bulk is read from the other
// A request is one byte: 'p' asks for a plan (eight bytes of length, then the plan), any other comes back.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "io/digest.h"
#include "io/error.h"
#include "tests/bench/stream/client_process.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWindow = 8;
constexpr int kSendBuffer = 1 << 20;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// A connection of the server: answers that are owed, and how far the present one is.
struct Connection {
  int fd = -1;
  std::string owed;  // one byte a request, in order
  uint64_t sent = 0;
  size_t next = 0;  // answer
};

class Server {
 public:
  Server(uint64_t plan_bytes, uint64_t num_plans) {
    for (uint64_t i = 0; i < num_plans; ++i) {
      answers_.emplace_back(8 + plan_bytes, static_cast<char>(i));
      memcpy(answers_.back().data(), &plan_bytes, sizeof(plan_bytes));
    }
  }
  int Serve() {
    constexpr int num_threads = 2;
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(name);
    GROUTER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
    GROUTER_CHECK(listen(listener_, 1024) == 0);
    GROUTER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &length) == 0);
    std::vector<int> polls;
    for (int t = 0; t < num_threads; ++t) {
      polls.push_back(epoll_create1(0));
      std::thread([this, poll = polls[t]] { Work(poll); }).detach();
    }
    std::thread([this, polls] {
      for (size_t n = 0;; ++n) {
        auto* connection = new Connection;
        connection->next = n * 4;
        connection->fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
        const int one = 1;
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer));
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.ptr = connection;
        GROUTER_CHECK(epoll_ctl(polls[n % polls.size()], EPOLL_CTL_ADD, connection->fd, &event) == 0);
      }
    }).detach();
    printf("listening on 127.0.0.1:%d\n", ntohs(name.sin_port));
    fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
  }

 private:
  void Work(int poll) {
    epoll_event events[64];
    for (;;) {
      const int n = epoll_wait(poll, events, 64, -1);
      for (int i = 0; i < n; ++i) {
        auto* connection = static_cast<Connection*>(events[i].data.ptr);
        if (Read(connection) && Write(connection)) continue;
        close(connection->fd);
        delete connection;
      }
    }
  }
  bool Read(Connection* c) {
    char requests[4096];
    for (;;) {
      const ssize_t n = read(c->fd, requests, sizeof(requests));
      if (n > 0) c->owed.append(requests, static_cast<size_t>(n));
      if (n == 0) return false;
      if (n < 0) return errno == EAGAIN;
    }
  }
  bool Write(Connection* c) {
    while (!c->owed.empty()) {
      const bool plan = c->owed[0] == 'p';
      const std::vector<char>& answer = answers_[c->next % answers_.size()];
      const char* bytes = plan ? answer.data() : c->owed.data();
      const uint64_t size = plan ? answer.size() : 1;
      const ssize_t n = write(c->fd, bytes + c->sent, size - c->sent);
      if (n < 0) return errno == EAGAIN;
      c->sent += static_cast<uint64_t>(n);
      if (c->sent < size) continue;
      c->sent = 0;
      c->next += plan ? 1 : 0;
      c->owed.erase(0, 1);
    }
    return true;
  }

  std::vector<std::vector<char>> answers_;
  int listener_ = -1;
};

int Connect(const std::string& address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  GROUTER_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return fd;
}

void Ask(int fd, int plans) {
  const std::string requests(static_cast<size_t>(plans), 'p');
  GROUTER_CHECK(write(fd, requests.data(), requests.size()) == plans);
}

int LoadAll(const std::string& address, uint64_t plan_bytes, int streams, double seconds, int server_pid) {
  const uint64_t answer = plan_bytes + 8;
  const int poll = epoll_create1(0);
  std::map<int, uint64_t> received;
  for (int i = 0; i < streams; ++i) {
    const int fd = Connect(address);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    GROUTER_CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0);
    received[fd] = 0;
    Ask(fd, kWindow);
  }
  std::vector<char> place(1 << 20);
  uint64_t bytes = 0;
  uint32_t crc = 0;
  auto begin = Clock::now();
  bool counting = false;
  double server_before = 0;
  epoll_event events[64];
  while (!counting || Seconds(begin) < seconds) {
    const int n = epoll_wait(poll, events, 64, 100);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      const ssize_t size = read(fd, place.data(), place.size());
      GROUTER_CHECK(size > 0);
      crc = Crc32c(place.data(), static_cast<size_t>(size), crc);
      const uint64_t before = received[fd] / answer;
      received[fd] += static_cast<uint64_t>(size);
      const int done = static_cast<int>(received[fd] / answer - before);
      if (done > 0) Ask(fd, done);
      if (counting) bytes += static_cast<uint64_t>(size);
    }
    if (!counting && Seconds(begin) > 0.3) {
      counting = true;
      server_before = ProcessSeconds(server_pid);
      begin = Clock::now();
    }
  }
  const double taken = Seconds(begin);
  printf("{\"plans\": %.3f, \"bytes\": %llu, \"seconds\": %.6f, \"crc\": %u, \"server_seconds\": %.4f}\n",
         static_cast<double>(bytes) / answer, static_cast<unsigned long long>(bytes), taken, crc,
         ProcessSeconds(server_pid) - server_before);
  return 0;
}

// p99 of a ping each millisecond beside bulk, from when each should have been sent.
int Ping(const std::string& address, double seconds) {
  const int control = Connect(address);
  const int bulk = Connect(address);
  std::thread([bulk] {
    std::vector<char> place(1 << 20);
    Ask(bulk, kWindow);
    uint64_t size = 0, received = 0;
    while (read(bulk, &size, sizeof(size)) == sizeof(size)) {
      for (received = 0; received < size;) {
        const ssize_t n = read(bulk, place.data(), std::min<uint64_t>(place.size(), size - received));
        if (n <= 0) return;
        received += static_cast<uint64_t>(n);
      }
      Ask(bulk, 1);
    }
  }).detach();
  std::vector<double> late;
  std::deque<Clock::time_point> asked;
  const auto begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (auto due = begin; due < end || !asked.empty();) {
    const auto now = Clock::now();
    char bytes[4096] = "x";
    if (now >= due && due < end) {
      GROUTER_CHECK(write(control, bytes, 1) == 1);
      asked.push_back(due);
      due += std::chrono::milliseconds(1);
      continue;
    }
    const timespec wait{due < end ? 0 : 10, due < end ? (due - now) / std::chrono::nanoseconds(1) : 0};
    pollfd answer{control, POLLIN, 0};
    if (ppoll(&answer, 1, &wait, nullptr) <= 0) continue;
    const ssize_t answers = read(control, bytes, sizeof(bytes));
    GROUTER_CHECK(answers > 0);
    for (ssize_t i = 0; i < answers; ++i, asked.pop_front()) {
      late.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked.front()).count());
    }
  }
  std::sort(late.begin(), late.end());
  printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"pings\": %zu}\n", late[late.size() / 2],
         late[late.size() * 99 / 100], late.size());
  fflush(stdout);
  _exit(0);
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // clients leave in the middle of an answer
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc > 2) {
    return grouter::Server(std::strtoull(argv[2], nullptr, 10),
                           argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1)
        .Serve();
  }
  if (mode == "load" && argc > 6) {
    return grouter::LoadAll(argv[2], std::strtoull(argv[3], nullptr, 10), std::atoi(argv[4]),
                            std::atof(argv[5]), std::atoi(argv[6]));
  }
  if (mode == "ping" && argc > 3) return grouter::Ping(argv[2], std::atof(argv[3]));
  return fprintf(stderr, "raw_load serve | load | ping; see the top of its source\n"), 2;
}
