// The servers a client knows: walks them in order with fresh channels, and says how long to wait in between.
#ifndef GROUTER_CLIENT_STREAM_SERVER_LIST_H_
#define GROUTER_CLIENT_STREAM_SERVER_LIST_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "io/random.h"

namespace grouter {

// One thread at a time.
class ServerList {
 public:
  // `addresses` not empty; `seed` spreads the waits of many clients. `credentials` must hold together for
  // each of them (MakeChannelCredentials); when their files cannot be read later on, what was read last is
  // used.
  ServerList(std::vector<std::string> addresses, uint64_t seed, ClientCredentials credentials = {});

  const std::string& current() const { return addresses_[current_]; }
  // The channel to the current server; a fresh one after Failed.
  std::shared_ptr<grpc::Channel> channel();
  // The current server did not do: the next one is current. How long to wait before it is tried: nothing
  // until the list has been walked once, then 10 ms doubling to 500 ms, with jitter.
  std::chrono::milliseconds Failed();
  // The current server answered: the waits start over.
  void Answered();

 private:
  const std::vector<std::string> addresses_;
  Random random_;
  size_t current_ = 0;
  size_t failures_ = 0;
  const ClientCredentials files_;
  std::vector<std::shared_ptr<grpc::ChannelCredentials>> credentials_;  // by address, as last read
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_SERVER_LIST_H_
