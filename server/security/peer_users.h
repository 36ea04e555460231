// The user behind a unix socket. gRPC keeps nothing that the kernel says about a connection's peer, so
// connections of different users come in by different credentials.
#ifndef GROUTER_SERVER_SECURITY_PEER_USERS_H_
#define GROUTER_SERVER_SECURITY_PEER_USERS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/types/optional.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/security/server_credentials.h"

namespace grouter {

// Thread-safe.
class PeerUsers {
 public:
  static constexpr int kMaxUsers = 16;  // of one server, in its life

  PeerUsers();
  // Plain transport whose calls carry the user that holds `slot`. They may outlive this.
  std::shared_ptr<grpc::ServerCredentials> Credentials(int slot) const;
  // The slot of the user at the other end of `fd`, a connected unix socket; -1 when kMaxUsers others came
  // before.
  int SlotOf(int fd);

  // The user of a call that came by such credentials.
  static absl::optional<uid_t> UserOf(const grpc::AuthContext& context);

 private:
  struct Slots {
    std::atomic<int64_t> users[kMaxUsers];  // -1: free
  };
  const std::shared_ptr<Slots> slots_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_PEER_USERS_H_
