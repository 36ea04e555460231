// Clients that speak nonsense: malformed HTTP/2 frames, ping floods, oversized metadata and messages. Others
// are served as if nothing had happened.
#include <arpa/inet.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.grpc.pb.h"
#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "io/random.h"
#include "proto/codec.h"
#include "tests/fault/loopback.h"
#include "tests/fault/whole_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr uint32_t kEnhanceYourCalm = 11;

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindow = 8
};

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  const uint32_t size = static_cast<uint32_t>(payload.size());
  std::string frame{static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size),
                    static_cast<char>(type), static_cast<char>(flags)};
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(stream >> shift));
  return frame + payload;
}

std::string Hello() { return kPreface + Frame(kSettings, 0, 0, ""); }

// The error code of a GOAWAY among the frames of `bytes`, or -1.
int64_t GoAwayCode(const std::string& bytes) {
  for (size_t at = 0; at + 9 <= bytes.size();) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[at + i]); };
    const size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == kGoAway && at + 17 <= bytes.size()) {
      return int64_t{byte(13)} << 24 | byte(14) << 16 | byte(15) << 8 | byte(16);
    }
    at += 9 + size;
  }
  return -1;
}

class HostileTest : public ::testing::Test {
 protected:
  int Connect() { return testing::Dial(testing::PortOf(server_.address())); }
  // Says it, hears what comes for a moment, leaves.
  void Say(const std::string& bytes) {
    const int fd = Connect();
    ASSERT_GE(fd, 0);
    testing::SendAll(fd, bytes);
    shutdown(fd, SHUT_WR);
    bool closed = false;
    testing::ReadToEnd(fd, 2000, &closed);
    close(fd);
  }
  std::shared_ptr<grpc::Channel> Channel() {
    return grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials());
  }
  grpc::Status List(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    v1::ListTablesResponse tables;
    return v1::CatalogService::NewStub(channel)->ListTables(context, v1::ListTablesRequest(), &tables);
  }
  void TearDown() override {
    testing::ExpectAllRanksRead(job_, digests_, {server_.address()});
    server_.Signal(SIGTERM);
    server_.Signal(SIGINT);  // at once
    EXPECT_EQ(server_.Wait(), 0);
  }

  const testing::ServedJob job_ = testing::MakeFaultJob(6);
  const std::vector<Digest> digests_ = testing::DigestsOf(job_);
  testing::ServerProcess server_{{"--root", job_.root, "--listen", "127.0.0.1:0"}};
};

TEST_F(HostileTest, MalformedFramesEndTheirConnectionAlone) {
  const std::vector<std::string> said = {
      "GET / HTTP/1.1\r\nHost: grouter\r\n\r\n",
      std::string(5000, '\0'),
      kPreface,
      kPreface + std::string(9, '\xFF'),
      Hello() + Frame(kHeaders, 4, 1, std::string(64, '\xFF')),  // no HPACK
      Hello() + Frame(kHeaders, 0, 1, "\x82"),                   // never continued
      Hello() + Frame(kHeaders, 4, 2, "\x82"),                   // an even stream
      Hello() + Frame(kData, 1, 0, "data of no stream"),
      Hello() + Frame(kData, 1, 77, "data of an idle stream"),
      Hello() + Frame(kSettings, 0, 0, "five!"),
      Hello() + Frame(kWindow, 0, 0, std::string(4, '\0')),
      Hello() + Frame(kWindow, 0, 0, std::string("\x7F\xFF\xFF\xFF", 4)),
      Hello() + Frame(kReset, 0, 9, std::string(4, '\1')),
      Hello() + Frame(99, 255, 5, "an unknown type"),
      Hello() + Frame(kPing, 0, 0, "short"),
      Hello() + Frame(kGoAway, 0, 0, std::string(8, '\0')),
  };
  uint64_t before = 0;
  for (int round = 0; round < (testing::LongForm() ? 50 : 3); ++round) {
    for (const std::string& bytes : said) Say(bytes);
    if (round == 1) before = testing::AnonymousMemory(server_.pid());
  }
  testing::ExpectFlat(before, testing::AnonymousMemory(server_.pid()));
}

TEST_F(HostileTest, RandomFramesEndTheirConnectionAlone) {
  Random random(11);
  for (int i = 0; i < (testing::LongForm() ? 20000 : 200); ++i) {
    std::string bytes = Hello();
    for (uint64_t frames = random.Below(6); frames > 0; --frames) {
      std::string payload(random.Below(200), '\0');
      for (char& c : payload) c = static_cast<char>(random.Below(256));
      bytes += Frame(static_cast<uint8_t>(random.Below(11)), static_cast<uint8_t>(random.Below(256)),
                     static_cast<uint32_t>(random.Below(8)), payload);
    }
    Say(bytes);
  }
}

TEST_F(HostileTest, APingFloodIsToldToCalmDownAndEnded) {
  const int fd = Connect();
  testing::SendAll(fd, Hello());
  for (int i = 0; i < 1000; ++i) {
    if (!testing::SendAll(fd, Frame(kPing, 0, 0, "12345678"))) break;
  }
  bool closed = false;
  const std::string heard = testing::ReadToEnd(fd, 10000, &closed);
  EXPECT_TRUE(closed);
  EXPECT_EQ(GoAwayCode(heard), kEnhanceYourCalm);
  close(fd);
}

// gRPC ends the connection as well: after the part that it did not read it no longer knows what the
// compressed headers mean. A call that was put on that connection is UNAVAILABLE, which clients try again.
TEST_F(HostileTest, OversizedMetadataEndsItsConnectionAloneAndItsClientGetsInAgain) {
  grpc::ChannelArguments apart;
  apart.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto beside = v1::StatsService::NewStub(
      grpc::CreateCustomChannel(server_.address(), grpc::InsecureChannelCredentials(), apart));
  grpc::ClientContext watching;
  v1::WatchStatsRequest each;
  each.set_interval_ms(100);
  const auto watch = beside->WatchStats(&watching, each);
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(watch->Read(&stats));

  const auto channel = Channel();
  const auto list_with = [&](size_t metadata_bytes) {
    grpc::ClientContext context;
    context.AddMetadata("large", std::string(metadata_bytes, 'x'));
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    context.set_wait_for_ready(true);
    return List(channel, &context).error_code();
  };
  const auto list_again_with = [&](size_t metadata_bytes) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    grpc::StatusCode code = list_with(metadata_bytes);
    while (code == grpc::StatusCode::UNAVAILABLE && std::chrono::steady_clock::now() < until) {
      code = list_with(metadata_bytes);
    }
    return code;
  };
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(list_again_with(20000), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(list_again_with(10), grpc::StatusCode::OK);
    // Far beyond the limit the server may close the connection before the client has heard why.
    const grpc::StatusCode far = list_with(1 << 20);
    EXPECT_TRUE(far == grpc::StatusCode::RESOURCE_EXHAUSTED || far == grpc::StatusCode::UNAVAILABLE) << far;
    EXPECT_EQ(list_again_with(10), grpc::StatusCode::OK);
    EXPECT_TRUE(watch->Read(&stats));
  }
  watching.TryCancel();
}

TEST_F(HostileTest, AMessageThatIsTooLongIsRefusedAndItsConnectionGoesOn) {
  const auto channel = Channel();
  const auto stub = v1::CatalogService::NewStub(channel);
  v1::RegisterJobRequest request;
  request.set_label(std::string(8 << 20, 'x'));
  v1::RegisterJobResponse response;
  grpc::ClientContext large;
  EXPECT_EQ(stub->RegisterJob(&large, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  grpc::ClientContext stream_context;
  const auto stream = v1::PlanService::NewStub(channel)->StreamPlans(&stream_context);
  v1::StreamPlansRequest open;
  open.mutable_open()->set_worker(std::string(8 << 20, 'x'));
  stream->Write(open);
  v1::StreamPlansResponse part;
  EXPECT_FALSE(stream->Read(&part));
  EXPECT_FALSE(stream->Finish().ok());
  grpc::ClientContext context;
  EXPECT_TRUE(List(channel, &context).ok());
}

// A reader that asks for everything, reads nothing, and leaves, many times over.
TEST_F(HostileTest, GreedyClientsThatReadNothingLeaveNothingBehind) {
  {
    grpc::ClientContext context;
    v1::RegisterJobRequest request;
    *request.mutable_spec() = ToWire(job_.spec);
    v1::RegisterJobResponse response;
    ASSERT_TRUE(v1::CatalogService::NewStub(Channel())->RegisterJob(&context, request, &response).ok());
  }
  uint64_t before = 0;
  for (int round = 0; round < (testing::LongForm() ? 50 : 4); ++round) {
    const auto stub = v1::PlanService::NewStub(Channel());
    for (int i = 0; i < 100; ++i) {
      grpc::ClientContext context;
      const auto stream = stub->StreamPlans(&context);
      v1::StreamPlansRequest open;
      open.mutable_open()->set_job_digest(job_.spec.digest().Hex());
      open.set_granted_payload_bytes(UINT64_MAX);
      stream->Write(open);
      context.TryCancel();
      v1::StreamPlansResponse part;
      while (stream->Read(&part)) {
      }
      stream->Finish();
    }
    if (round == 1) before = testing::AnonymousMemory(server_.pid());
  }
  testing::ExpectFlat(before, testing::AnonymousMemory(server_.pid()));
}

}  // namespace
}  // namespace grouter
