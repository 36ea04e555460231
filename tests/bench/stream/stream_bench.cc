// Figures of the plan stream, one JSON object a line: {"metric", "case", "ours": [...], "limit": [...]}.
//
// stream_throughput: one client reads a stream of plans of a given size from a server in another process, and
// a raw socket of the same kind carries 1 MiB writes between two processes; both sum the bytes they get into
// a CRC. Rounds alternate. The first plans are compared with the embedded planner's.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/grpc_plan_source.h"
#include "client/stream/channel_arguments.h"
#include "client/stream/plan_stream_call.h"
#include "grpcpp/create_channel.h"
#include "io/digest.h"
#include "io/error.h"
#include "proto/frame.h"
#include "tests/bench/stream/client_process.h"
#include "tests/bench/stream/stream_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kRawBytes = uint64_t{1} << 30;
constexpr size_t kRawWrite = 1 << 20;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

struct Case {
  std::string name;
  bool unix_socket;
  uint64_t payload_bytes;
};

// Streams the whole job; payload bytes a second.
double StreamRate(const testing::ServedJob& job, const std::string& address) {
  const auto channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), PlanChannelArguments());
  uint64_t bytes = 0;
  uint32_t crc = 0;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer* message) {
    return VisitFrames(message, [&](const FrameHeader&, absl::string_view piece, bool) {
      crc = Crc32c(piece.data(), piece.size(), crc);
      bytes += piece.size();
      return absl::OkStatus();
    });
  };
  PlanStreamCall call(channel, handler);
  v1::StreamPlansRequest open;
  open.mutable_open()->set_job_digest(job.spec.digest().Hex());
  open.set_granted_payload_bytes(uint64_t{1} << 50);
  const auto begin = Clock::now();
  call.Start(open, "");
  absl::optional<absl::Status> status;
  while (!status.has_value()) status = call.Serve(Clock::now() + std::chrono::seconds(60));
  if (!status->ok()) fprintf(stderr, "%s\n", status->ToString().c_str());
  GROUTER_CHECK(status->ok());
  return bytes / Seconds(begin);
}

void Verify(const testing::ServedJob& job, const std::string& address) {
  GrpcPlanSourceOptions options;
  options.servers = {address};
  options.spec = job.spec;
  const auto source = ConnectPlanSource(options);
  GROUTER_CHECK(source.ok());
  const auto oracle = job.Local(0);
  for (uint64_t step = 0; step < std::min<uint64_t>(8, oracle->num_steps()); ++step) {
    GROUTER_CHECK(testing::StepBytes(source->get(), step) == testing::StepBytes(oracle.get(), step));
    GROUTER_CHECK(testing::MicroBatchBytes(source->get(), step, 0) ==
                  testing::MicroBatchBytes(oracle.get(), step, 0));
  }
}

// The same bytes by a bare socket: a child writes, this process reads and sums.
double RawRate(bool unix_socket) {
  int listener = -1;
  sockaddr_in name{};
  socklen_t length = sizeof(name);
  int pair[2] = {-1, -1};
  if (unix_socket) {
    GROUTER_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  } else {
    listener = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    GROUTER_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
    GROUTER_CHECK(listen(listener, 1) == 0);
    GROUTER_CHECK(getsockname(listener, reinterpret_cast<sockaddr*>(&name), &length) == 0);
  }
  const pid_t child = fork();
  GROUTER_CHECK(child >= 0);
  if (child == 0) {
    const int fd = unix_socket ? pair[1] : accept(listener, nullptr, nullptr);
    const std::vector<char> chunk(kRawWrite, 'x');
    for (uint64_t sent = 0; sent < kRawBytes;) {
      const ssize_t n = write(fd, chunk.data(), chunk.size());
      if (n <= 0) _exit(1);
      sent += static_cast<uint64_t>(n);
    }
    _exit(0);
  }
  int fd = pair[0];
  if (!unix_socket) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    GROUTER_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  } else {
    close(pair[1]);
  }
  std::vector<char> place(kRawWrite);
  uint32_t crc = 0;
  const auto begin = Clock::now();
  uint64_t received = 0;
  for (ssize_t n = 0; (n = read(fd, place.data(), place.size())) > 0; received += static_cast<uint64_t>(n)) {
    crc = Crc32c(place.data(), static_cast<size_t>(n), crc);
  }
  const double seconds = Seconds(begin);
  close(fd);
  if (listener >= 0) close(listener);
  int status = 0;
  waitpid(child, &status, 0);
  GROUTER_CHECK(received >= kRawBytes && status == 0);
  return received / seconds;
}

void Print(const char* metric, const std::string& name, const std::vector<double>& ours,
           const std::vector<double>& limit) {
  printf("{\"metric\": \"%s\", \"case\": \"%s\", \"ours\": [%s], \"limit\": [%s]}\n", metric, name.c_str(),
         absl::StrJoin(ours, ", ").c_str(), absl::StrJoin(limit, ", ").c_str());
  fflush(stdout);
}

void Throughput(int rounds) {
  const std::vector<Case> cases = {{"tcp 256 KiB", false, 256 << 10},
                                   {"tcp 1 MiB", false, 1 << 20},
                                   {"tcp 4 MiB", false, 4 << 20},
                                   {"unix 1 MiB", true, 1 << 20}};
  for (const Case& c : cases) {
    const uint64_t steps = std::max<uint64_t>(64, (uint64_t{512} << 20) / c.payload_bytes);
    StreamJobOptions options;
    options.payload_bytes = c.payload_bytes;
    options.num_steps = steps;
    options.table_bytes = 24 * c.payload_bytes;
    const testing::ServedJob job = MakeStreamJob(options);
    const std::string address = c.unix_socket ? "unix:" + job.root + "/s" : "127.0.0.1:0";
    testing::ServerProcess server({"--root", job.root, "--listen", address});
    GROUTER_CHECK(!server.address().empty());
    Verify(job, server.address());
    StreamRate(job, server.address());  // plans in the cache, pages in memory
    std::vector<double> ours;
    std::vector<double> limit;
    for (int round = 0; round < rounds; ++round) {
      ours.push_back(StreamRate(job, server.address()));
      limit.push_back(RawRate(c.unix_socket));
    }
    Print("stream_throughput", c.name, ours, limit);
  }
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  grouter::PrepareFastClient();
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  grouter::Throughput(rounds);
  return 0;
}
