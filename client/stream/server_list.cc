#include "client/stream/server_list.h"

#include <algorithm>
#include <utility>

#include "client/stream/channel_arguments.h"
#include "client/stream/channel_credentials.h"
#include "grpcpp/create_channel.h"

namespace grouter {
namespace {

constexpr int64_t kFirstWaitMs = 10;
constexpr int64_t kLongestWaitMs = 500;

}  // namespace

ServerList::ServerList(std::vector<std::string> addresses, uint64_t seed, ClientCredentials credentials)
    : addresses_(std::move(addresses)),
      random_(seed),
      files_(std::move(credentials)),
      credentials_(addresses_.size(), grpc::InsecureChannelCredentials()) {}

std::shared_ptr<grpc::Channel> ServerList::channel() {
  if (channel_ == nullptr) {
    auto credentials = MakeChannelCredentials(files_, current());
    if (credentials.ok()) credentials_[current_] = *std::move(credentials);
    channel_ = grpc::CreateCustomChannel(current(), credentials_[current_], PlanChannelArguments());
  }
  return channel_;
}

std::chrono::milliseconds ServerList::Failed() {
  channel_.reset();
  current_ = (current_ + 1) % addresses_.size();
  ++failures_;
  if (failures_ < addresses_.size()) return std::chrono::milliseconds(0);
  const size_t rounds = std::min<size_t>(failures_ / addresses_.size() - 1, 16);
  const int64_t wait = std::min(kLongestWaitMs, kFirstWaitMs << rounds);
  return std::chrono::milliseconds(wait / 2 + random_.Below(wait / 2 + 1));
}

void ServerList::Answered() { failures_ = 0; }

}  // namespace grouter
