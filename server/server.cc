#include "server/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "io/error.h"
#include "server/housekeeper.h"
#include "server/http/http_caller.h"
#include "server/http/pages.h"
#include "server/net/acceptor.h"
#include "server/net/descriptors.h"
#include "server/plans/plan_cache.h"
#include "server/plans/worker_pool.h"
#include "server/registry/job_registry.h"
#include "server/replay/replay_store.h"
#include "server/security/gate.h"
#include "server/security/peer_users.h"
#include "server/security/tls_credentials.h"
#include "server/service/catalog_service.h"
#include "server/service/plan_service.h"
#include "server/service/replay_service.h"
#include "server/service/stats_service.h"
#include "server/stream/stream_engine.h"
#include "server/trust.h"
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
  options.folder = JoinPath(config.roots(0), ReplayStore::kFolder);
  options.quota.max_bytes = config.replay().max_bytes();
  options.quota.batches_per_series = config.replay().batches_per_series();
  options.max_open_batches = config.replay().max_open_batches();
  options.unix_ms = UnixMs;
  return options;
}

class GrouterServer : public Server {
 public:
  GrouterServer(const server::ServerConfig& config, Trust trust, FileSystem& files)
      : config_(config),
        files_(files),
        certificates_(std::move(trust.certificates)),
        artefacts_({config.roots().begin(), config.roots().end()}, files),
        jobs_({config.limits().max_jobs(),
               std::chrono::duration_cast<std::chrono::seconds>(Milliseconds(config.timing().job_ttl_ms())),
               config.max_planner_version()},
              &artefacts_),
        replay_(ReplayOptionsOf(config), &artefacts_, files),
        planners_(ThreadsOr(config.limits().plan_threads())),
        searches_(1),
        replayers_(kReplayThreads),
        cache_(config.limits().plan_cache_bytes(), &planners_),
        watches_(config.limits().max_watches()),
        gate_(std::move(trust.tokens), Authorizer(RulesOf(config)), &counters_),
        plan_service_(&jobs_, &watches_, &gate_),
        catalog_service_(&artefacts_, &jobs_, &cache_, &searches_, &watches_, &gate_),
        replay_service_({&replay_, &replayers_, &watches_, &counters_, &gate_, &files, UnixMs}) {
    streams_.jobs = &jobs_;
    streams_.cache = &cache_;
    streams_.counters = &counters_;
    streams_.gate = &gate_;
    streams_.limits = LimitsOf(config);
    stats_ = {&artefacts_,
              &jobs_,
              &cache_,
              &replay_,
              &counters_,
              &draining_,
              certificates_.get(),
              std::chrono::steady_clock::now()};
    stats_service_ = std::make_unique<StatsServiceImpl>(stats_, &watches_, &gate_);
  }

  ~GrouterServer() override { Shutdown(std::chrono::milliseconds(0)); }

  absl::Status Begin() {
    std::vector<ListenSocket> sockets;
    std::set<int> unix_listeners;
    for (const std::string& address : config_.listen()) {
      GROUTER_ASSIGN_OR_RETURN(ListenSocket socket, ListenSocket::Open(address));
      GROUTER_RETURN_IF_ERROR(CheckGrpcExposure(config_, address, socket.is_loopback()));
      if (socket.is_unix()) unix_listeners.insert(socket.fd());
      sockets.push_back(std::move(socket));
    }
    GROUTER_RETURN_IF_ERROR(RaiseDescriptorLimit(config_.limits().max_connections(), kTableFiles).status());
    GROUTER_RETURN_IF_ERROR(replay_.Open());
    GROUTER_RETURN_IF_ERROR(BuildGrpc(!unix_listeners.empty()));
    AcceptorOptions options;
    options.max_connections = config_.limits().max_connections();
    options.max_connections_per_peer = config_.limits().max_connections_per_peer();
    acceptor_ =
        std::make_unique<Acceptor>(std::move(sockets), options, &counters_,
                                   [this, unix_listeners = std::move(unix_listeners)](int listener, int fd) {
                                     HandOver(unix_listeners.count(listener) > 0, listener, fd);
                                   });
    streams_.bytes_accepted = [this](const std::string& peer) { return acceptor_->BytesAccepted(peer); };
    GROUTER_RETURN_IF_ERROR(acceptor_->Start());
    housekeeper_ =
        std::make_unique<Housekeeper>(engine_.get(), &artefacts_, &counters_, [this, looks = 0]() mutable {
          if (++looks % kLooksPerCertificateReload == 0) {
            ReloadCertificates().IgnoreError();
          }
        });
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

  absl::Status Reload(const server::ServerConfig& next) override {
    GROUTER_ASSIGN_OR_RETURN(TokenTable tokens, LoadTokens(next, files_));
    gate_.Replace(std::move(tokens), Authorizer(RulesOf(next)));
    jobs_.SetMaxPlannerVersion(next.max_planner_version());
    return ReloadCertificates();
  }

  std::vector<LoopReport> loops() const override {
    const auto now = Heartbeat::Clock::now();
    std::vector<LoopReport> loops;
    if (acceptor_ != nullptr) loops.push_back(ReportOf("accept", {&acceptor_->heartbeat()}, now));
    if (housekeeper_ != nullptr) loops.push_back(ReportOf("housekeeping", {&housekeeper_->heartbeat()}, now));
    loops.push_back(ReportOf("planning", planners_.heartbeats(), now));
    loops.push_back(ReportOf("searches", searches_.heartbeats(), now, kLongestSearchSeconds));
    if (engine_ != nullptr) loops.push_back(ReportOf("streams", engine_->heartbeats(), now));
    if (http_ != nullptr) loops.push_back(ReportOf("http", {&http_->heartbeat()}, now));
    if (probe_ != nullptr) loops.push_back(ReportOf("probe", {&probe_->heartbeat()}, now));
    return loops;
  }

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
  static constexpr int kLooksPerCertificateReload = 20;        // the housekeeper's: ten seconds
  static constexpr double kLongestSearchSeconds = 6 * 3600;

  absl::Status ReloadCertificates() {
    if (certificates_ == nullptr) return absl::OkStatus();
    const absl::StatusOr<bool> reloaded = certificates_->Reload();
    if (!reloaded.ok()) {
      spdlog::error("event=certificates outcome=refused kept=generation_{} error=\"{}\"",
                    certificates_->current()->generation, std::string(reloaded.status().message()));
    } else if (*reloaded) {
      spdlog::info("event=certificates outcome=replaced generation={} expiry_unix_seconds={}",
                   certificates_->current()->generation, certificates_->current()->facts.not_after_s);
    }
    return reloaded.status();
  }

  absl::Status BeginHttp() {
    if (!config_.http().empty()) {
      const bool loopback = IsLoopbackAddress(config_.http());
      GROUTER_RETURN_IF_ERROR(CheckHttpExposure(config_, config_.http(), loopback));
      HttpOptions options;
      if (!loopback && certificates_ != nullptr) options.certificates = certificates_;
      if (!loopback && !config_.token_file().empty()) {
        options.admit = [this](const std::string& authorization) { return AdmitHttp(gate_, authorization); };
      }
      GROUTER_ASSIGN_OR_RETURN(
          http_,
          HttpListener::Start(config_.http(), StatusRoutes(stats_, [this] { return loops(); }), options));
    }
    if (!config_.probe().empty()) {
      HttpOptions options;
      options.num_threads = 1;
      GROUTER_ASSIGN_OR_RETURN(probe_,
                               HttpListener::Start(config_.probe(), ProbeRoutes(&draining_), options));
    }
    return absl::OkStatus();
  }

  void HandOver(bool is_unix, int listener, int fd) {
    const int slot = is_unix ? peer_users_.SlotOf(fd) : 0;
    if (slot < 0) {
      ++counters_.connections_refused;
      counters_.rejects.Add("max_users");
      shutdown(fd, SHUT_RDWR);
      close(fd);
      return;
    }
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.listener_fd = listener;
    connection.fd = fd;
    (is_unix ? unix_connections_[slot] : tcp_connections_)->HandleNewConnection(&connection);
  }

  absl::Status BuildGrpc(bool with_unix) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    SetArguments(config_, &builder);
    builder.RegisterService(&plan_service_);
    builder.RegisterService(&catalog_service_);
    builder.RegisterService(stats_service_.get());
    builder.RegisterService(&replay_service_);
    const auto take_from = [&](const std::shared_ptr<grpc::ServerCredentials>& credentials) {
      return builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
    };
    tcp_credentials_ = certificates_ == nullptr
                           ? grpc::InsecureServerCredentials()
                           : TlsCredentials(certificates_, config_.tls().require_client_certificate());
    tcp_connections_ = take_from(tcp_credentials_);
    for (int slot = 0; with_unix && slot < PeerUsers::kMaxUsers; ++slot) {
      unix_connections_.push_back(take_from(peer_users_.Credentials(slot)));
    }
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
  FileSystem& files_;
  const std::shared_ptr<CertificateStore> certificates_;  // null: no TLS
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
  Gate gate_;
  PeerUsers peer_users_;
  StreamContext streams_;
  StatsSources stats_;
  PlanServiceImpl plan_service_;
  CatalogServiceImpl catalog_service_;
  ReplayServiceImpl replay_service_;
  std::unique_ptr<StatsServiceImpl> stats_service_;
  std::unique_ptr<StreamEngine> engine_;
  std::shared_ptr<grpc::ServerCredentials> tcp_credentials_;  // gRPC calls back into it: outlives grpc_
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> tcp_connections_;
  std::vector<std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>> unix_connections_;  // by slot
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<HttpListener> http_;
  std::unique_ptr<HttpListener> probe_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const server::ServerConfig& config, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(Trust trust, LoadTrust(config, files));
  auto server = std::make_unique<GrouterServer>(config, std::move(trust), files);
  GROUTER_RETURN_IF_ERROR(server->Begin());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace grouter
