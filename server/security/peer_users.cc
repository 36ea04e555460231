#include "server/security/peer_users.h"

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "io/error.h"
#include "io/mutex.h"

namespace grouter {
namespace {

constexpr char kProperty[] = "grouter_peer_user";

// Every call of a connection writes the property if it is not there yet; gRPC does not guard it.
Mutex& PropertyMutex() {
  static auto* const mutex = new Mutex;
  return *mutex;
}

// What one slot's metadata processor holds.
struct Slot {
  std::shared_ptr<const void> owner;
  const std::atomic<int64_t>* user;
};

void Process(void* state, grpc_auth_context* context, const grpc_metadata*, size_t,
             grpc_process_auth_metadata_done_cb done, void* user_data) {
  {
    MutexLock lock(&PropertyMutex());
    grpc_auth_property_iterator it = grpc_auth_context_find_properties_by_name(context, kProperty);
    if (grpc_auth_property_iterator_next(&it) == nullptr) {
      const std::string user = absl::StrCat(static_cast<Slot*>(state)->user->load());
      grpc_auth_context_add_cstring_property(context, kProperty, user.c_str());
    }
  }
  done(user_data, nullptr, 0, nullptr, 0, GRPC_STATUS_OK, nullptr);
}

class UserCredentials : public grpc::ServerCredentials {
 public:
  explicit UserCredentials(Slot slot) : credentials_(grpc_insecure_server_credentials_create()) {
    grpc_auth_metadata_processor processor;
    processor.process = Process;
    processor.destroy = [](void* state) { delete static_cast<Slot*>(state); };
    processor.state = new Slot(std::move(slot));
    grpc_server_credentials_set_auth_metadata_processor(credentials_, processor);
  }
  ~UserCredentials() override { grpc_server_credentials_release(credentials_); }
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    GROUTER_CHECK(false);  // it has one
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }
  grpc_server_credentials* const credentials_;
};

}  // namespace

PeerUsers::PeerUsers() : slots_(std::make_shared<Slots>()) {
  for (auto& user : slots_->users) user = -1;
}

std::shared_ptr<grpc::ServerCredentials> PeerUsers::Credentials(int slot) const {
  return std::make_shared<UserCredentials>(Slot{slots_, &slots_->users[slot]});
}

int PeerUsers::SlotOf(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  for (int slot = 0; slot < kMaxUsers; ++slot) {
    int64_t holder = -1;
    if (slots_->users[slot].compare_exchange_strong(holder, peer.uid) || holder == peer.uid) return slot;
  }
  return -1;
}

absl::optional<uid_t> PeerUsers::UserOf(const grpc::AuthContext& context) {
  MutexLock lock(&PropertyMutex());
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(kProperty);
  uint32_t user = 0;
  if (values.empty() || !absl::SimpleAtoi(absl::string_view(values[0].data(), values[0].size()), &user)) {
    return absl::nullopt;
  }
  return user;
}

}  // namespace grouter
