// A TCP relay in front of a server that does what bad networks do. Loopback only.
#ifndef GROUTER_TESTS_FAULT_RELAY_H_
#define GROUTER_TESTS_FAULT_RELAY_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "io/mutex.h"
#include "io/random.h"

namespace grouter {
namespace testing {

// What happens to a connection. Bytes are counted towards the client.
struct RelayFaults {
  uint32_t num_connections = 0;        // as many of the next connections; later ones are relayed as they are
  std::chrono::milliseconds delay{0};  // each portion waits, both ways
  bool cut = false;                    // both ends are closed after some bytes
  bool stall = false;                  // no byte moves after some bytes, and nobody is told
  uint64_t least_bytes = 0;            // until the cut or stall: a random number of these
  uint64_t most_bytes = 1;
  int receive_buffer_bytes = 0;  // of the socket towards the server; 0: the system's choice
  bool duplicate = false;  // the server sees each connection twice: a copy gets the same bytes, is not heard
};

// Threads of its own. The destructor ends all connections.
class Relay {
 public:
  // `server` is "host:port" on loopback.
  Relay(const std::string& server, uint64_t seed);
  ~Relay();
  const std::string& address() const { return address_; }
  // From the next connection on.
  void Set(const RelayFaults& faults);
  // Faults of Set that no connection has had yet.
  uint32_t faults_left() const;
  uint64_t connections() const { return connections_; }
  uint64_t cuts() const { return cuts_; }
  uint64_t stalls() const { return stalls_; }
  // Ends everything that stalls and every other connection. New ones are taken.
  void EndConnections();

 private:
  struct Connection;
  void Accept();
  // Moves bytes one way until either end closes or the connection's fault happens.
  void Pump(Connection* connection, bool towards_client);
  // False when the connection was ended in the meantime.
  bool Wait(Connection* connection, std::chrono::steady_clock::time_point until);

  const int server_port_;
  std::string address_;
  int listener_ = -1;
  std::atomic<uint64_t> connections_{0};
  std::atomic<uint64_t> cuts_{0};
  std::atomic<uint64_t> stalls_{0};
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  RelayFaults faults_ ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Connection>> open_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_FAULT_RELAY_H_
