// Recorded calls of each version of the wire against today's server and client: an older client works with a
// newer server and the other way round.
#include <algorithm>
#include <map>

#include "client/grpc_plan_source.h"
#include "google/protobuf/util/message_differencer.h"
#include "grouter/v1/catalog_service.pb.h"
#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "proto/codec.h"
#include "tests/golden/wire_recording.h"
#include "tests/testing/serving/served_job.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::Exchange;

constexpr char kRecordings[] = "tests/golden/wire";
constexpr char kRegisterJob[] = "/grouter.v1.CatalogService/RegisterJob";
constexpr char kGetStats[] = "/grouter.v1.StatsService/GetStats";

struct Recording {
  std::string root;
  std::vector<Exchange> exchanges;  // in the order of their names
};

// A server follows no symbolic link, and Bazel's inputs are such.
void CopyFolder(const std::string& from, const std::string& to) {
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(files.MakeFolders(to).ok());
  const auto names = files.List(from);
  for (const std::string& name : *names) {
    const auto bytes = files.ReadFile(JoinPath(from, name));
    if (bytes.ok()) {
      ASSERT_TRUE(WriteFileAtomically(files, JoinPath(to, name), *bytes).ok());
    } else {
      CopyFolder(JoinPath(from, name), JoinPath(to, name));
    }
  }
}

Recording ReadRecording(const std::string& version) {
  Recording recording;
  const std::string folder = JoinPath(kRecordings, version);
  recording.root = testing::NewFolder();
  CopyFolder(JoinPath(folder, "root"), recording.root);
  const auto names = FileSystem::Local().List(folder);
  for (const std::string& name : *names) {
    if (name == "root") continue;
    recording.exchanges.push_back(
        testing::DecodeExchange(*FileSystem::Local().ReadFile(JoinPath(folder, name))));
  }
  return recording;
}

// Payload bytes of plan messages, put together: frame borders may differ between versions.
template <typename Response>
std::string PayloadOf(const std::vector<std::string>& messages) {
  std::string payload;
  for (const std::string& bytes : messages) {
    Response response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    for (const v1::PlanFrame& frame : response.frames()) payload += frame.data();
  }
  return payload;
}

// All that was recorded is there; what changes from run to run is left out.
void ExpectContains(const std::string& method, const std::string& recorded, const std::string& today) {
  const auto expected = testing::NewResponse(method);
  const auto actual = testing::NewResponse(method);
  ASSERT_TRUE(expected->ParseFromString(recorded));
  ASSERT_TRUE(actual->ParseFromString(today));
  MessageDifferencer differencer;
  differencer.set_scope(MessageDifferencer::PARTIAL);
  for (const auto& [type, fields] : std::map<std::string, std::vector<std::string>>{
           {"grouter.v1.JobInfo", {"idle_seconds", "num_streams"}},
           {"grouter.v1.RegisterJobResponse", {"already_registered"}},
           {"grouter.v1.TableInfo", {"open", "num_users"}},
           {"grouter.v1.ScheduleInfo", {"num_users"}}}) {
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
    for (const std::string& field : fields) differencer.IgnoreField(descriptor->FindFieldByName(field));
  }
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(*expected, *actual)) << method << "\n" << difference;
}

void ExpectAnswersAsRecorded(const Exchange& exchange, const std::vector<std::string>& responses) {
  if (exchange.method == "/grouter.v1.PlanService/GetPlan") {
    EXPECT_EQ(PayloadOf<v1::GetPlanResponse>(responses), PayloadOf<v1::GetPlanResponse>(exchange.responses));
  } else if (exchange.method == "/grouter.v1.PlanService/StreamPlans") {
    EXPECT_EQ(PayloadOf<v1::StreamPlansResponse>(responses),
              PayloadOf<v1::StreamPlansResponse>(exchange.responses));
  } else {
    ASSERT_EQ(responses.size(), 1u) << exchange.method;
    if (exchange.method == kGetStats) return;  // numbers of a moment
    ExpectContains(exchange.method, exchange.responses[0], responses[0]);
  }
}

// Answers each call with what was recorded for its method, the next recording at each call.
class RecordedServer : public grpc::CallbackGenericService {
 public:
  // `newer`: every message has fields that the client does not know.
  RecordedServer(const Recording& recording, bool newer) {
    for (const Exchange& exchange : recording.exchanges) {
      std::vector<std::string> responses = exchange.responses;
      for (std::string& bytes : responses) {
        if (!newer) continue;
        const auto message = testing::NewResponse(exchange.method);
        EXPECT_TRUE(message->ParseFromString(bytes));
        testing::AddUnknownFields(message.get());
        bytes = message->SerializeAsString();
      }
      answers_[exchange.method].push_back(responses);
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // The request's bytes of each call, by method.
  std::vector<std::string> RequestsOf(const std::string& method) {
    MutexLock lock(&mutex_);
    return requests_[method];
  }

 private:
  class Answer : public grpc::ServerGenericBidiReactor {
   public:
    Answer(RecordedServer* server, std::string method) : server_(server), method_(std::move(method)) {
      StartRead(&message_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no request"));
      left_ = server_->Take(method_, message_);
      WriteNext();
    }
    void OnWriteDone(bool) override { WriteNext(); }
    void OnDone() override { delete this; }

   private:
    void WriteNext() {
      if (left_.empty()) return Finish(grpc::Status::OK);
      const grpc::Slice slice(left_.front());
      left_.erase(left_.begin());
      message_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&message_);
    }
    RecordedServer* const server_;
    const std::string method_;
    std::vector<std::string> left_;
    grpc::ByteBuffer message_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new Answer(this, context->method());
  }
  std::vector<std::string> Take(const std::string& method, const grpc::ByteBuffer& request) {
    grpc::Slice slice;
    EXPECT_TRUE(request.DumpToSingleSlice(&slice).ok());
    MutexLock lock(&mutex_);
    requests_[method].emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    std::vector<std::vector<std::string>>& answers = answers_[method];
    const std::vector<std::string> answer = answers.front();
    if (answers.size() > 1) answers.erase(answers.begin());
    return answer;
  }

  Mutex mutex_;
  std::map<std::string, std::vector<std::vector<std::string>>> answers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> requests_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class WireGolden : public ::testing::TestWithParam<std::string> {
 protected:
  const Recording recording_ = ReadRecording(GetParam());
  std::vector<std::string> Ask(const Server& server, const Exchange& exchange, const std::string& request) {
    const auto channel = grpc::CreateChannel(server.addresses()[0], grpc::InsecureChannelCredentials());
    std::vector<std::string> responses;
    const grpc::Status status = testing::Call(channel, exchange.method, request, &responses);
    EXPECT_TRUE(status.ok()) << exchange.method << ": " << status.error_message();
    return responses;
  }
  JobSpec RecordedJob() const {
    v1::RegisterJobRequest request;
    EXPECT_TRUE(request.ParseFromString(recording_.exchanges[0].request));
    return *FromWire(request.spec(), "spec");
  }
  void ExpectClientReads(RecordedServer* server) {
    GrpcPlanSourceOptions options;
    options.servers = {server->address()};
    options.spec = RecordedJob();
    auto source = ConnectPlanSource(options);
    ASSERT_TRUE(source.ok()) << source.status();
    std::string payload;
    for (uint64_t step = 0; step < (*source)->num_steps(); ++step) {
      payload += testing::StepBytes(source->get(), step);
      for (uint32_t m = 0; m < options.spec.draft.batch.num_micro_batches; ++m) {
        payload += testing::MicroBatchBytes(source->get(), step, m);
      }
    }
    for (const Exchange& exchange : recording_.exchanges) {
      if (exchange.method != "/grouter.v1.PlanService/StreamPlans") continue;
      EXPECT_EQ(payload, PayloadOf<v1::StreamPlansResponse>(exchange.responses));
    }
    EXPECT_EQ((*source)->metrics().failed_checks, 0u);
  }
};

TEST_P(WireGolden, TodaysServerAnswersAnOlderClientAsThen) {
  const auto server = testing::StartServer(recording_.root);
  for (const Exchange& exchange : recording_.exchanges) {
    ExpectAnswersAsRecorded(exchange, Ask(*server, exchange, exchange.request));
  }
}

TEST_P(WireGolden, TodaysServerAnswersANewerClientWhoseFieldsItSkips) {
  const auto server = testing::StartServer(recording_.root);
  for (const Exchange& exchange : recording_.exchanges) {
    const auto request = testing::NewRequest(exchange.method);
    ASSERT_TRUE(request->ParseFromString(exchange.request));
    if (exchange.method != kRegisterJob) testing::AddUnknownFields(request.get());
    ExpectAnswersAsRecorded(exchange, Ask(*server, exchange, request->SerializeAsString()));
  }
}

TEST_P(WireGolden, AJobWithFieldsThatTodaysServerDoesNotKnowIsRefused) {
  const auto server = testing::StartServer(recording_.root);
  const auto request = testing::NewRequest(kRegisterJob);
  ASSERT_TRUE(request->ParseFromString(recording_.exchanges[0].request));
  testing::AddUnknownFields(request.get());
  const auto channel = grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials());
  std::vector<std::string> responses;
  const grpc::Status status = testing::Call(channel, kRegisterJob, request->SerializeAsString(), &responses);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("1000"), std::string::npos) << status.error_message();
}

TEST_P(WireGolden, TodaysClientReadsAnOlderServer) {
  RecordedServer server(recording_, /*newer=*/false);
  ExpectClientReads(&server);
}

TEST_P(WireGolden, TodaysClientReadsANewerServerWhoseFieldsItSkips) {
  RecordedServer server(recording_, /*newer=*/true);
  ExpectClientReads(&server);
}

TEST_P(WireGolden, TodaysClientSaysWhatAnOlderServerUnderstands) {
  RecordedServer server(recording_, /*newer=*/false);
  ExpectClientReads(&server);
  // A job has no field that the recorded one did not have: an older server would refuse it.
  v1::RegisterJobRequest then;
  v1::RegisterJobRequest now;
  ASSERT_TRUE(then.ParseFromString(recording_.exchanges[0].request));
  ASSERT_TRUE(now.ParseFromString(server.RequestsOf(kRegisterJob).at(0)));
  EXPECT_TRUE(MessageDifferencer::Equals(then.spec(), now.spec())) << now.spec().DebugString();
}

INSTANTIATE_TEST_SUITE_P(EachVersion, WireGolden, ::testing::ValuesIn(*FileSystem::Local().List(kRecordings)),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace grouter
