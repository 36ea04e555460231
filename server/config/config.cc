#include "server/config/config.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "io/error.h"
#include "routing/planning/job.h"

namespace grouter {
namespace {

using server::ServerConfig;

// Says where in the text it went wrong.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(std::string where) : where_(std::move(where)) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (status_.ok()) {
      status_ =
          Error(absl::StatusCode::kInvalidArgument, message,
                absl::StrCat(where_, ":", line + 1, ":", column + 1), "See docs/server.md for the fields.");
    }
  }
  absl::Status status() const { return status_; }

 private:
  const std::string where_;
  absl::Status status_;
};

// Lists of `over` replace those of `base`; everything else is protobuf's merge.
void Overlay(const ServerConfig& over, ServerConfig* base) {
  if (over.roots_size() > 0) base->clear_roots();
  if (over.listen_size() > 0) base->clear_listen();
  if (over.access_size() > 0) base->clear_access();
  base->MergeFrom(over);
}

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

absl::optional<Right> RightOf(int value) {
  switch (value) {
    case server::AccessRule::READ:
      return Right::kRead;
    case server::AccessRule::REGISTER:
      return Right::kRegister;
    case server::AccessRule::INGEST:
      return Right::kIngest;
    case server::AccessRule::ADMIN:
      return Right::kAdmin;
    default:
      return absl::nullopt;
  }
}

void AddDefaultRules(ServerConfig* config) {
  server::AccessRule* all = config->add_access();
  for (const char* who : {"anonymous", "cert:*", "token:*", "uid:*"}) all->add_principals(who);
  all->add_tables("*");
  all->add_rights(server::AccessRule::READ);
  all->add_rights(server::AccessRule::REGISTER);
  server::AccessRule* owner = config->add_access();
  owner->add_principals("owner");
  owner->add_tables("*");
  owner->add_rights(server::AccessRule::INGEST);
  owner->add_rights(server::AccessRule::ADMIN);
}

}  // namespace

ServerConfig DefaultConfig() {
  ServerConfig config;
  config.add_listen("127.0.0.1:50051");
  config.set_http("");
  config.set_probe("");
  config.set_insecure_beyond_loopback(false);
  config.set_log_level("info");
  AddDefaultRules(&config);
  config.set_max_planner_version(kPlannerVersion);
  server::Limits* limits = config.mutable_limits();
  limits->set_max_connections(4096);
  limits->set_max_connections_per_peer(1024);
  limits->set_max_streams(16384);
  limits->set_max_streams_per_job(4096);
  limits->set_max_jobs(256);
  limits->set_max_watches(256);
  limits->set_plan_cache_bytes(uint64_t{256} << 20);
  limits->set_max_request_bytes(4 << 20);
  limits->set_plan_threads(0);
  limits->set_stream_threads(0);
  server::Replay* replay = config.mutable_replay();
  replay->set_max_bytes(uint64_t{64} << 30);
  replay->set_batches_per_series(16);
  replay->set_max_open_batches(8);
  server::Timing* timing = config.mutable_timing();
  timing->set_drain_delay_ms(5000);
  timing->set_shutdown_ms(20000);
  timing->set_job_ttl_ms(600000);
  timing->set_evict_after_ms(30000);
  timing->set_max_stream_age_ms(43200000);
  timing->set_keepalive_ms(20000);
  timing->set_handshake_ms(5000);
  return config;
}

absl::StatusOr<ServerConfig> MergeText(const ServerConfig& base, const std::string& text,
                                       const std::string& where) {
  FirstError errors(where);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  ServerConfig over;
  if (!parser.ParseFromString(text, &over)) {
    return errors.status().ok() ? Error(absl::StatusCode::kInvalidArgument, "not a configuration", where)
                                : errors.status();
  }
  ServerConfig merged = base;
  Overlay(over, &merged);
  return merged;
}

ServerConfig MergeEnvironment(const ServerConfig& base,
                              const std::map<std::string, std::string>& environment) {
  ServerConfig over;
  const auto read = [&](const char* name, const auto& set) {
    const auto it = environment.find(name);
    if (it != environment.end() && !it->second.empty()) set(it->second);
  };
  read("GROUTER_SERVER_ROOT", [&](const std::string& value) {
    for (const absl::string_view root : absl::StrSplit(value, ',')) over.add_roots(std::string(root));
  });
  read("GROUTER_SERVER_LISTEN", [&](const std::string& value) {
    for (const absl::string_view address : absl::StrSplit(value, ',')) over.add_listen(std::string(address));
  });
  read("GROUTER_SERVER_HTTP", [&](const std::string& value) { over.set_http(value); });
  read("GROUTER_SERVER_PROBE", [&](const std::string& value) { over.set_probe(value); });
  read("GROUTER_SERVER_TLS_CERT",
       [&](const std::string& value) { over.mutable_tls()->set_certificate(value); });
  read("GROUTER_SERVER_TLS_KEY", [&](const std::string& value) { over.mutable_tls()->set_key(value); });
  read("GROUTER_SERVER_TLS_CLIENT_CA",
       [&](const std::string& value) { over.mutable_tls()->set_client_ca(value); });
  read("GROUTER_SERVER_TOKEN_FILE", [&](const std::string& value) { over.set_token_file(value); });
  ServerConfig merged = base;
  Overlay(over, &merged);
  return merged;
}

absl::Status ValidateConfig(const ServerConfig& config) {
  std::vector<std::string> problems;
  const auto require = [&](bool holds, const std::string& problem) {
    if (!holds) problems.push_back(problem);
  };
  require(config.roots_size() > 0, "roots: name at least one folder (--root DIR)");
  for (const std::string& root : config.roots()) {
    require(IsFolder(root), absl::StrCat("roots: ", root, " is not a folder; make it, or name another"));
  }
  require(config.listen_size() > 0, "listen: name at least one address (--listen host:port)");
  const server::Limits& limits = config.limits();
  require(limits.max_connections() > 0, "limits.max_connections: must be at least 1");
  require(limits.max_connections_per_peer() > 0, "limits.max_connections_per_peer: must be at least 1");
  require(limits.max_streams() > 0 && limits.max_streams_per_job() > 0,
          "limits.max_streams: must be at least 1");
  require(limits.max_jobs() > 0, "limits.max_jobs: must be at least 1");
  require(limits.plan_cache_bytes() >= 1 << 20, "limits.plan_cache_bytes: must be at least 1048576");
  require(limits.max_request_bytes() >= 1 << 16, "limits.max_request_bytes: must be at least 65536");
  require(limits.plan_threads() <= 256 && limits.stream_threads() <= 256,
          "limits.*_threads: must be at most 256");
  require(config.replay().batches_per_series() > 0, "replay.batches_per_series: must be at least 1");
  const server::Timing& timing = config.timing();
  require(timing.evict_after_ms() >= 100, "timing.evict_after_ms: must be at least 100");
  require(timing.keepalive_ms() >= 1000, "timing.keepalive_ms: must be at least 1000");
  const std::string& level = config.log_level();
  require(level == "debug" || level == "info" || level == "warn" || level == "error",
          "log_level: must be debug, info, warn or error");
  require(HasPlannerVersion(config.max_planner_version()),
          absl::StrCat("max_planner_version: must be 1 to ", kPlannerVersion, ", the newest here"));
  const server::Tls& tls = config.tls();
  require(tls.certificate().empty() == tls.key().empty(), "tls: certificate and key go together");
  require(tls.certificate().empty() || !tls.client_ca().empty() || !config.token_file().empty(),
          "tls: nobody could call; name tls.client_ca, token_file or both");
  require(config.token_file().empty() || !tls.certificate().empty(),
          "token_file: a token goes over TLS only; set tls.certificate and tls.key");
  require(tls.client_ca().empty() || !tls.certificate().empty(),
          "tls.client_ca: needs tls.certificate and tls.key");
  require(!tls.require_client_certificate() || !tls.client_ca().empty(),
          "tls.require_client_certificate: needs tls.client_ca");
  for (const server::AccessRule& rule : config.access()) {
    for (const int right : rule.rights()) {
      require(RightOf(right).has_value(), "access.rights: READ, REGISTER, INGEST or ADMIN");
    }
  }
  for (const std::string& problem : ProblemsOf(RulesOf(config))) problems.push_back(problem);
  if (problems.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "));
}

std::vector<AccessRule> RulesOf(const ServerConfig& config) {
  std::vector<AccessRule> rules;
  for (const server::AccessRule& wire : config.access()) {
    AccessRule rule;
    rule.principals = {wire.principals().begin(), wire.principals().end()};
    rule.tables = {wire.tables().begin(), wire.tables().end()};
    for (const int right : wire.rights()) {
      if (const absl::optional<Right> known = RightOf(right)) rule.rights.push_back(*known);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::string PrintConfig(const ServerConfig& config) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(config, &text);
  return text;
}

}  // namespace grouter
