#include "server/server.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "io/error.h"
#include "server/housekeeper.h"
#include "server/http/pages.h"
#include "server/net/acceptor.h"
#include "server/net/descriptors.h"
#include "server/plans/plan_cache.h"
#include "server/plans/worker_pool.h"
#include "server/registry/job_registry.h"
#include "server/replay/replay_store.h"
#include "server/service/catalog_service.h"
#include "server/service/plan_service.h"
#include "server/service/replay_service.h"
#include "server/service/stats_service.h"
#include "server/stream/stream_engine.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr int kMaxMetadataBytes = 16384;
constexpr int kMaxConcurrentCallsPerConnection = 1024;

int ThreadsOr(uint32_t configured) {
  return configured > 0 ? static_cast<int>(configured) : std::max(1u, std::thread::hardware_concurrency());
}

std::chrono::milliseconds Milliseconds(uint32_t count) { return std::chrono::milliseconds(count); }

StreamLimits LimitsOf(const server::ServerConfig& config) {
  StreamLimits limits;
  limits.max_streams = config.limits().max_streams();
  limits.max_streams_per_job = config.limits().max_streams_per_job();
  limits.evict_after = Milliseconds(config.timing().evict_after_ms());
  limits.max_age = Milliseconds(config.timing().max_stream_age_ms());
  return limits;
}

void SetArguments(const server::ServerConfig& config, grpc::ServerBuilder* builder) {
  const auto keepalive = static_cast<int>(config.timing().keepalive_ms());
  builder->SetMaxReceiveMessageSize(static_cast<int>(config.limits().max_request_bytes()));
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              static_cast<int>(config.timing().handshake_ms()));
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentCallsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, std::max(1000, keepalive / 2));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 4);
}

int64_t UnixMs() {
  return std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
}

ReplayStoreOptions ReplayOptionsOf(const server::ServerConfig& config) {
  ReplayStoreOptions options;
  options.folder = JoinPath(config.roots(0), "replay");
  options.quota.max_bytes = config.replay().max_bytes();
  options.quota.batches_per_series = config.replay().batches_per_series();
  options.max_open_batches = config.replay().max_open_batches();
  options.unix_ms = UnixMs;
  return options;
}

class GrouterServer : public Server {
 public:
  GrouterServer(const server::ServerConfig& config, FileSystem& files)
      : config_(config),
        artefacts_({config.roots().begin(), config.roots().end()}, files),
        jobs_({config.limits().max_jobs(),
               std::chrono::duration_cast<std::chrono::seconds>(Milliseconds(config.timing().job_ttl_ms()))},
              &artefacts_),
        replay_(ReplayOptionsOf(config), &artefacts_, files),
        planners_(ThreadsOr(config.limits().plan_threads())),
        searches_(1),
        replayers_(kReplayThreads),
        cache_(config.limits().plan_cache_bytes(), &planners_),
        watches_(config.limits().max_watches()),
        plan_service_(&jobs_, &watches_),
        catalog_service_(&artefacts_, &jobs_, &cache_, &searches_, &watches_),
        replay_service_({&replay_, &replayers_, &watches_, &counters_, &files, UnixMs}) {
    streams_.jobs = &jobs_;
    streams_.cache = &cache_;
    streams_.counters = &counters_;
    streams_.limits = LimitsOf(config);
    stats_ = {
        &artefacts_, &jobs_, &cache_, &replay_, &counters_, &draining_, std::chrono::steady_clock::now()};
    stats_service_ = std::make_unique<StatsServiceImpl>(stats_, &watches_);
  }

  ~GrouterServer() override { Shutdown(std::chrono::milliseconds(0)); }

  absl::Status Begin() {
    std::vector<ListenSocket> sockets;
    for (const std::string& address : config_.listen()) {
      GROUTER_ASSIGN_OR_RETURN(ListenSocket socket, ListenSocket::Open(address));
      if (!socket.is_loopback() && !config_.insecure_beyond_loopback()) {
        return Error(absl::StatusCode::kFailedPrecondition, "plain TCP beyond the loopback interface",
                     address,
                     "Listen on 127.0.0.1, or pass --insecure_beyond_loopback on a network you trust.");
      }
      sockets.push_back(std::move(socket));
    }
    GROUTER_RETURN_IF_ERROR(RaiseDescriptorLimit(config_.limits().max_connections(), kTableFiles).status());
    GROUTER_RETURN_IF_ERROR(replay_.Open());
    GROUTER_RETURN_IF_ERROR(BuildGrpc());
    AcceptorOptions options;
    options.max_connections = config_.limits().max_connections();
    options.max_connections_per_peer = config_.limits().max_connections_per_peer();
    acceptor_ =
        std::make_unique<Acceptor>(std::move(sockets), options, &counters_, [this](int listener, int fd) {
          grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
          connection.listener_fd = listener;
          connection.fd = fd;
          connections_->HandleNewConnection(&connection);
        });
    streams_.bytes_accepted = [this](const std::string& peer) { return acceptor_->BytesAccepted(peer); };
    GROUTER_RETURN_IF_ERROR(acceptor_->Start());
    housekeeper_ = std::make_unique<Housekeeper>(engine_.get(), &artefacts_, &counters_);
    return BeginHttp();
  }

  std::vector<std::string> addresses() const override {
    std::vector<std::string> addresses;
    for (const ListenSocket& socket : acceptor_->sockets()) addresses.push_back(socket.address());
    return addresses;
  }
  std::string http_address() const override { return http_ == nullptr ? "" : http_->address(); }
  std::string probe_address() const override { return probe_ == nullptr ? "" : probe_->address(); }
  const StatsSources& stats() const override { return stats_; }

  void BeginDrain() override {
    draining_ = true;
    grpc_->GetHealthCheckService()->SetServingStatus(false);
  }

  void Shutdown(std::chrono::milliseconds deadline) override {
    if (stopped_.exchange(true)) return;
    const auto until = std::chrono::steady_clock::now() + deadline;
    draining_ = true;
    watches_.draining = true;
    if (housekeeper_ != nullptr) housekeeper_->Stop();
    if (engine_ != nullptr && grpc_ != nullptr) {
      engine_->Drain();
      engine_->WaitUntilIdle(until);
    }
    if (acceptor_ != nullptr) acceptor_->Stop();
    if (grpc_ != nullptr) {
      grpc_->GetHealthCheckService()->Shutdown();  // a health Watch would hold the shutdown to its deadline
      const auto left =
          std::max(std::chrono::steady_clock::duration(0), until - std::chrono::steady_clock::now());
      const std::chrono::milliseconds calls_end =
          std::min(std::chrono::duration_cast<std::chrono::milliseconds>(left), kCallsEnd);
      grpc_->Shutdown(gpr_time_from_millis(calls_end.count(), GPR_TIMESPAN));
    }
    planners_.Stop();
    searches_.Stop();
    replayers_.Stop();
    if (engine_ != nullptr) engine_->Stop();
    if (grpc_ != nullptr) grpc_->Wait();
    http_.reset();
    probe_.reset();
  }

 private:
  static constexpr uint64_t kTableFiles = 4096;
  static constexpr int kReplayThreads = 2;
  static constexpr std::chrono::milliseconds kCallsEnd{2000};  // unary calls under way

  absl::Status BeginHttp() {
    for (const std::string& address : {config_.http(), config_.probe()}) {
      const bool loopback = address.empty() || address.rfind("127.", 0) == 0 ||
                            address.rfind("localhost:", 0) == 0 || address.rfind("[::1]:", 0) == 0;
      if (!loopback && address == config_.http() && !config_.insecure_beyond_loopback()) {
        return Error(absl::StatusCode::kFailedPrecondition, "plain HTTP beyond the loopback interface",
                     address,
                     "Listen on 127.0.0.1, or pass --insecure_beyond_loopback on a network you trust.");
      }
    }
    if (!config_.http().empty()) {
      GROUTER_ASSIGN_OR_RETURN(http_,
                               HttpListener::Start(config_.http(),
                                                   StatusRoutes(stats_,
                                                                [this] {
                                                                  return std::map<std::string, uint64_t>{
                                                                      {"accept", acceptor_->rounds()},
                                                                      {"housekeeping", housekeeper_->looks()},
                                                                      {"planning", planners_.begun()},
                                                                      {"streams", engine_->served()}};
                                                                }),
                                                   2));
    }
    if (!config_.probe().empty()) {
      GROUTER_ASSIGN_OR_RETURN(probe_, HttpListener::Start(config_.probe(), ProbeRoutes(&draining_), 1));
    }
    return absl::OkStatus();
  }

  absl::Status BuildGrpc() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    SetArguments(config_, &builder);
    builder.RegisterService(&plan_service_);
    builder.RegisterService(&catalog_service_);
    builder.RegisterService(stats_service_.get());
    builder.RegisterService(&replay_service_);
    connections_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    engine_ = std::make_unique<StreamEngine>(ThreadsOr(config_.limits().stream_threads()), &builder,
                                             &plan_service_, &streams_);
    grpc_ = builder.BuildAndStart();
    if (grpc_ == nullptr) return Error(absl::StatusCode::kInternal, "gRPC did not start");
    engine_->Start();
    grpc::HealthCheckServiceInterface* health = grpc_->GetHealthCheckService();
    for (const char* name : {v1::PlanService::service_full_name(), v1::CatalogService::service_full_name(),
                             v1::StatsService::service_full_name(), v1::ReplayService::service_full_name()}) {
      health->SetServingStatus(name, true);
    }
    return absl::OkStatus();
  }

  const server::ServerConfig config_;
  Counters counters_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopped_{false};
  ArtefactRegistry artefacts_;
  JobRegistry jobs_;
  ReplayStore replay_;
  WorkerPool planners_;
  WorkerPool searches_;
  WorkerPool replayers_;
  PlanCache cache_;
  WatchLimit watches_;
  StreamContext streams_;
  StatsSources stats_;
  PlanServiceImpl plan_service_;
  CatalogServiceImpl catalog_service_;
  ReplayServiceImpl replay_service_;
  std::unique_ptr<StatsServiceImpl> stats_service_;
  std::unique_ptr<StreamEngine> engine_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<HttpListener> http_;
  std::unique_ptr<HttpListener> probe_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const server::ServerConfig& config, FileSystem& files) {
  auto server = std::make_unique<GrouterServer>(config, files);
  GROUTER_RETURN_IF_ERROR(server->Begin());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace grouter
