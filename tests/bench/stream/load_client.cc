// Many trainers in one process: each a connection and a plan stream of its own, against any server that
// speaks StreamPlans (grouter_server, bare_grpc_server).
//
//   load_client --address A --plan-bytes B --streams N --seconds S [--digest D --register FILE]
//               [--ranks R]         stream i takes the plans of rank i mod R
//               [--checksums FILE]  of make_job: what is received is compared with them
//               [--warm P]          each stream first takes P plans that do not count
//               [--server-pid P]    whose processor time is told, of the time that counts
//               [--window W]        closed loop: W plans are asked for and not yet here
//               [--rate R]          open loop: R plans a second each, timed from when each should be asked
//               for
//               [--idle]            the streams open with no use made of them; prints, then waits for its
//               input
// Prints {"plans", "bytes", "seconds", "p50_ms", "p99_ms", "crc", "checked", "server_seconds"}. Every payload
// byte goes through a CRC32C; `checked` parts of plans had the one that the embedded planner's have.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "client/stream/channel_arguments.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "io/digest.h"
#include "io/error.h"
#include "io/file.h"
#include "proto/frame.h"
#include "tests/bench/stream/client_process.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kLeastGrant = 1 << 20;

struct Options {
  std::string address, digest, request;
  uint64_t plan_bytes = 0;
  uint32_t streams = 1;
  uint32_t ranks = 0;  // 0: each stream has its own
  uint64_t warm_plans = 0;
  int server_pid = 0;
  std::map<std::tuple<uint32_t, uint64_t, uint32_t>, uint32_t> checksums;  // rank, step, part
  double seconds = 1;
  uint32_t window = 8;
  double rate = 0;  // plans a second of each stream; 0: closed loop
  bool idle = false;
};

// What all streams add to.
struct Totals {
  uint64_t bytes = 0;
  uint32_t crc = 0;  // of all parts' checksums
  uint64_t checked = 0;
  bool counting = false;
  std::vector<float> latencies_ms;
};

class Stream {
 public:
  struct Tag {
    Stream* stream;
    void (Stream::*handle)(bool ok);
  };

  Stream(const Options& options, uint32_t number, grpc::CompletionQueue* queue, Totals* totals)
      : options_(options), number_(number), queue_(queue), totals_(totals) {
    channel_ = grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(),
                                         PlanChannelArguments());
    Open();
  }

  // Open loop: plan by plan from `first` on.
  void Schedule(Clock::time_point first) { next_due_ = first; }
  Clock::time_point next_due() const { return next_due_; }
  // Asks for the plan that is due.
  void Ask() {
    due_.push_back(next_due_);
    next_due_ +=
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.rate));
    Grant(granted_ + options_.plan_bytes);
  }
  void Stop() {
    stopping_ = true;
    context_->TryCancel();
  }
  bool ended() const { return ended_; }
  bool opened() const { return opened_; }
  // The first grant has come, as far as plans fit into it.
  bool drained() const { return received_ + options_.plan_bytes > untimed_; }
  bool warm() const { return total_received_ >= options_.warm_plans * options_.plan_bytes; }

 private:
  void Open() {
    call_.reset();  // it lives in the context's memory
    context_ = std::make_unique<grpc::ClientContext>();
    grpc::GenericStub stub(channel_);
    call_ = stub.PrepareCall(context_.get(), "/grouter.v1.PlanService/StreamPlans", queue_);
    call_->StartCall(&start_);
    received_ = 0;
    part_bytes_ = 0;
    asked_ = 0;
    // The least first grant is more than a small plan: in an open loop what it brings is not timed.
    untimed_ = std::max<uint64_t>(kLeastGrant, options_.window * options_.plan_bytes);
    granted_ = untimed_ + due_.size() * options_.plan_bytes;
  }
  void Started(bool ok) {
    if (!ok) {
      call_->Finish(&status_, &finish_);
      return;
    }
    opened_ = live_ = true;
    v1::StreamPlansRequest request;
    request.mutable_open()->set_job_digest(options_.digest);
    request.mutable_open()->set_rank(options_.digest.empty() ? 0 : rank());
    request.set_granted_payload_bytes(granted_);
    Write(request);
    call_->Read(&incoming_, &read_);
  }
  void Read(bool ok) {
    if (!ok) {
      live_ = false;
      call_->Finish(&status_, &finish_);
      return;
    }
    const absl::Status read =
        VisitFrames(&incoming_, [&](const FrameHeader& header, absl::string_view piece, bool) {
          Sum(header, piece);
          received_ += piece.size();
          total_received_ += piece.size();
          if (totals_->counting) totals_->bytes += piece.size();
          return absl::OkStatus();
        });
    GROUTER_CHECK(read.ok());
    if (options_.rate == 0) {
      // As GrpcPlanSource: credit goes back in quarters of the window.
      const uint64_t window = options_.window * options_.plan_bytes;
      if (received_ + window >= granted_ + window / 4) Grant(received_ + window);
    } else {
      while (!due_.empty() && received_ >= untimed_ + (asked_ + 1) * options_.plan_bytes) {
        const double late = std::chrono::duration<double, std::milli>(Clock::now() - due_.front()).count();
        if (totals_->counting) totals_->latencies_ms.push_back(static_cast<float>(late));
        due_.pop_front();
        ++asked_;
      }
    }
    call_->Read(&incoming_, &read_);
  }
  // At a part's end its checksum is compared.
  void Sum(const FrameHeader& frame, absl::string_view piece) {
    part_crc_ = Crc32c(piece.data(), piece.size(), part_bytes_ == 0 ? 0 : part_crc_);
    part_bytes_ += piece.size();
    if (part_bytes_ < frame.payload_bytes) return;
    part_bytes_ = 0;
    totals_->crc ^= part_crc_;
    const auto expected = options_.checksums.find({rank(), frame.step, frame.part});
    if (expected == options_.checksums.end()) return;
    if (part_crc_ != expected->second) {
      fprintf(stderr, "rank %u, step %llu, part %u is not the planner's\n", rank(),
              static_cast<unsigned long long>(frame.step), frame.part);
      _exit(1);
    }
    ++totals_->checked;
  }
  uint32_t rank() const { return options_.ranks == 0 ? number_ : number_ % options_.ranks; }
  void Written(bool ok) {
    writing_ = false;
    if (finished_) return End();
    if (ok && live_ && granted_ > told_) TellGrant();
  }
  void Finished(bool) {
    finished_ = true;
    if (!writing_) End();
  }
  // Nothing of the call is under way any more.
  void End() {
    finished_ = false;
    if (!stopping_ && status_.ok()) return Open();  // the job's last step: from its first again
    // A crowd at the door: connections that the handshake's time ran out for come again.
    if (!stopping_ && !totals_->counting && status_.error_code() == grpc::StatusCode::UNAVAILABLE) {
      return Open();
    }
    if (!stopping_) Fail();
    ended_ = true;
  }
  void Fail() {
    fprintf(stderr, "stream %u: %d %s\n", number_, status_.error_code(), status_.error_message().c_str());
    _exit(3);
  }

  void Grant(uint64_t total) {
    granted_ = total;
    if (!writing_ && live_ && granted_ > told_) TellGrant();
  }
  void TellGrant() {
    v1::StreamPlansRequest request;
    request.set_granted_payload_bytes(granted_);
    Write(request);
  }
  void Write(const v1::StreamPlansRequest& request) {
    told_ = request.granted_payload_bytes();
    writing_ = true;
    const std::string bytes = request.SerializeAsString();
    grpc::Slice slice(bytes);
    call_->Write(grpc::ByteBuffer(&slice, 1), &write_);
  }

  const Options& options_;
  const uint32_t number_;
  grpc::CompletionQueue* const queue_;
  Totals* const totals_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  uint64_t received_ = 0, granted_ = 0, told_ = 0, untimed_ = 0, asked_ = 0, total_received_ = 0;
  uint32_t part_crc_ = 0;
  uint64_t part_bytes_ = 0;
  bool writing_ = false, opened_ = false, live_ = false, stopping_ = false, finished_ = false, ended_ = false;
  std::deque<Clock::time_point> due_;
  Clock::time_point next_due_;
  Tag start_{this, &Stream::Started}, read_{this, &Stream::Read}, write_{this, &Stream::Written},
      finish_{this, &Stream::Finished};
};

// Serves events until `until`; in an open loop asks for plans as they are due.
class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    for (uint32_t i = 0; i < options.streams; ++i) {
      streams_.push_back(std::make_unique<Stream>(options_, i, &queue_, &totals_));
    }
  }

  int Run() {
    ServeWhile([&] { return !All(&Stream::opened); });
    ServeWhile([&] { return !All(&Stream::warm); });
    if (options_.rate > 0) ServeWhile([&] { return !All(&Stream::drained); });
    Serve(Clock::now() + std::chrono::milliseconds(300));  // the first window, caches
    if (options_.idle) {
      printf("{\"streams\": %u}\n", options_.streams);
      fflush(stdout);
      char byte = 0;
      while (read(STDIN_FILENO, &byte, 1) > 0) {
      }
      _exit(0);
    }
    const double server_before = ProcessSeconds(options_.server_pid);
    const auto begin = Clock::now();
    if (options_.rate > 0) {
      const double gap = 1 / options_.rate / options_.streams;
      for (uint32_t i = 0; i < options_.streams; ++i) {
        const auto first =
            begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(gap * i));
        streams_[i]->Schedule(first);
        due_.emplace(first, streams_[i].get());
      }
    }
    totals_.counting = true;
    Serve(begin +
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds)));
    totals_.counting = false;
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    Print(seconds, ProcessSeconds(options_.server_pid) - server_before);
    due_.clear();
    for (const auto& stream : streams_) stream->Stop();
    ServeWhile([&] { return !All(&Stream::ended); });
    return 0;
  }

 private:
  bool All(bool (Stream::*is)() const) const {
    return std::all_of(streams_.begin(), streams_.end(), [&](const auto& s) { return (s.get()->*is)(); });
  }
  template <typename Condition>
  void ServeWhile(const Condition& condition) {
    while (condition()) Serve(Clock::now() + std::chrono::milliseconds(20));
  }
  void Serve(Clock::time_point until) {
    for (auto now = Clock::now(); now < until; now = Clock::now()) {
      while (!due_.empty() && due_.begin()->first <= now) {
        Stream* stream = due_.begin()->second;
        due_.erase(due_.begin());
        stream->Ask();
        due_.emplace(stream->next_due(), stream);
      }
      const auto wait = std::min(until, due_.empty() ? until : due_.begin()->first) - now;
      void* tag = nullptr;
      bool ok = false;
      const auto got = queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + wait);
      if (got != grpc::CompletionQueue::GOT_EVENT) continue;
      const auto* served = static_cast<Stream::Tag*>(tag);
      (served->stream->*served->handle)(ok);
    }
  }
  void Print(double seconds, double server_seconds) {
    std::vector<float>& late = totals_.latencies_ms;
    const auto quantile = [&](double q) {
      if (late.empty()) return 0.0f;
      const auto at = late.begin() + static_cast<long>(q * (late.size() - 1));
      std::nth_element(late.begin(), at, late.end());
      return *at;
    };
    const float p50 = quantile(0.5), p99 = quantile(0.99);
    printf("{\"plans\": %.3f, \"bytes\": %llu, \"seconds\": %.6f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, ",
           static_cast<double>(totals_.bytes) / options_.plan_bytes,
           static_cast<unsigned long long>(totals_.bytes), seconds, p50, p99);
    printf("\"timed\": %zu, \"crc\": %u, \"checked\": %llu, \"server_seconds\": %.4f}\n", late.size(),
           totals_.crc, static_cast<unsigned long long>(totals_.checked), server_seconds);
    fflush(stdout);
  }

  const Options options_;
  grpc::CompletionQueue queue_;
  Totals totals_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::multimap<Clock::time_point, Stream*> due_;
};

void Register(const Options& options) {
  const absl::StatusOr<std::string> bytes = FileSystem::Local().ReadFile(options.request);
  GROUTER_CHECK(bytes.ok());
  v1::RegisterJobRequest request;
  GROUTER_CHECK(request.ParseFromString(*bytes));
  const auto stub =
      v1::CatalogService::NewStub(grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::RegisterJobResponse response;
  const grpc::Status status = stub->RegisterJob(&context, request, &response);
  if (!status.ok()) fprintf(stderr, "%s\n", status.error_message().c_str());
  GROUTER_CHECK(status.ok());
}

void ReadChecksums(const std::string& path, Options* options) {
  const absl::StatusOr<std::string> lines = FileSystem::Local().ReadFile(path);
  GROUTER_CHECK(lines.ok());
  std::istringstream in(*lines);
  uint64_t step = 0;
  for (uint32_t rank = 0, part = 0, crc = 0; in >> rank >> step >> part >> crc;) {
    options->checksums[{rank, step, part}] = crc;
  }
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--idle") {
      options.idle = true;
      continue;
    }
    if (++i == argc) return fprintf(stderr, "%s needs a value\n", name.c_str()), 2;
    const std::string value = argv[i];
    if (name == "--address") options.address = value;
    if (name == "--digest") options.digest = value;
    if (name == "--register") options.request = value;
    if (name == "--plan-bytes") options.plan_bytes = std::stoull(value);
    if (name == "--streams") options.streams = static_cast<uint32_t>(std::stoul(value));
    if (name == "--seconds") options.seconds = std::stod(value);
    if (name == "--ranks") options.ranks = static_cast<uint32_t>(std::stoul(value));
    if (name == "--warm") options.warm_plans = std::stoull(value);
    if (name == "--server-pid") options.server_pid = std::stoi(value);
    if (name == "--checksums") ReadChecksums(value, &options);
    if (name == "--window") options.window = static_cast<uint32_t>(std::stoul(value));
    if (name == "--rate") options.rate = std::stod(value);
  }
  if (!options.request.empty()) Register(options);
  return Load(options).Run();
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  grouter::PrepareFastClient();
  return grouter::Main(argc, argv);
}
