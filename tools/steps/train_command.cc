#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/file.h"
#include "io/json.h"
#include "tools/command/credential_options.h"
#include "tools/pipeline/supervisor.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string config, out, trainer = "grouter_trainer", server_timeout, logs;
  std::vector<std::string> servers;
  ClientCredentials credentials;
  uint32_t ranks = 1, threads = 1;
  int64_t resident_experts = -1;
  uint64_t deadline_seconds = 24 * 3600;
  bool resume = false;
};

// A port nobody listens on just now. Rank 0 takes it a moment later.
absl::StatusOr<uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool ok = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!ok) return ErrnoError(error, "no free port for the ranks to meet", "127.0.0.1");
  return ntohs(address.sin_port);
}

// The newest complete checkpoint under OUT/checkpoints, or empty.
std::string LatestCheckpoint(const std::string& out) {
  FileSystem& files = FileSystem::Local();
  const std::string folder = JoinPath(out, "checkpoints");
  const absl::StatusOr<std::vector<std::string>> names = files.List(folder);
  uint64_t latest = 0;
  std::string found;
  if (!names.ok()) return found;
  for (const std::string& name : *names) {
    uint64_t step = 0;
    const std::string path = JoinPath(folder, name);
    if (!absl::StartsWith(name, "step_") || !absl::SimpleAtoi(name.substr(5), &step)) continue;
    if (step >= latest && files.Exists(JoinPath(path, "state.json"))) {
      latest = step;
      found = path;
    }
  }
  return found;
}

ProcessSpec Rank(const Options& options, uint32_t rank, uint16_t port, const std::string& checkpoint) {
  ProcessSpec spec;
  spec.name = absl::StrCat("trainer rank ", rank);
  spec.argv = {options.trainer, "--config", options.config, "--out", options.out};
  if (!options.servers.empty()) {
    spec.argv.push_back("--server");
    std::string list;
    for (const std::string& server : options.servers) absl::StrAppend(&list, list.empty() ? "" : ",", server);
    spec.argv.push_back(list);
  }
  for (const auto& [flag, path] : {std::pair("--tls_ca", options.credentials.tls_ca),
                                   std::pair("--tls_cert", options.credentials.tls_cert),
                                   std::pair("--tls_key", options.credentials.tls_key),
                                   std::pair("--token_file", options.credentials.token_file)}) {
    if (!path.empty()) spec.argv.insert(spec.argv.end(), {flag, path});
  }
  if (!options.server_timeout.empty()) {
    spec.argv.insert(spec.argv.end(), {"--server_timeout", options.server_timeout});
  }
  if (options.resident_experts >= 0) {
    spec.argv.insert(spec.argv.end(), {"--resident_experts", absl::StrCat(options.resident_experts)});
  }
  if (!checkpoint.empty()) spec.argv.insert(spec.argv.end(), {"--resume", checkpoint});
  const std::string threads = absl::StrCat(options.threads);
  spec.environment = {{"RANK", absl::StrCat(rank)},        {"WORLD_SIZE", absl::StrCat(options.ranks)},
                      {"LOCAL_RANK", absl::StrCat(rank)},  {"MASTER_ADDR", "127.0.0.1"},
                      {"MASTER_PORT", absl::StrCat(port)}, {"OMP_NUM_THREADS", threads},
                      {"OMP_WAIT_POLICY", "passive"},  // cores may be shared: do not spin
                      {"MKL_NUM_THREADS", threads}};
  spec.log_path = JoinPath(options.logs, absl::StrCat("rank", rank, ".log"));
  spec.output_path = JoinPath(options.logs, absl::StrCat("rank", rank, ".json"));
  return spec;
}

absl::StatusOr<int> Run(Options options, Terminal& terminal) {
  if (options.ranks == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "no rank to start", "--ranks", "give 1 or more");
  }
  FileSystem& files = FileSystem::Local();
  if (options.logs.empty()) options.logs = JoinPath(options.out, "logs");
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(options.out));
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(options.logs));
  const std::string checkpoint = options.resume ? LatestCheckpoint(options.out) : "";
  if (!checkpoint.empty()) terminal.Log("goes on from " + checkpoint);
  GROUTER_ASSIGN_OR_RETURN(const uint16_t port, FreePort());
  Supervisor supervisor;
  std::vector<Supervisor::Id> ranks;
  for (uint32_t rank = 0; rank < options.ranks; ++rank) {
    GROUTER_ASSIGN_OR_RETURN(const Supervisor::Id id,
                             supervisor.Start(Rank(options, rank, port, checkpoint)));
    ranks.push_back(id);
  }
  const std::string log = JoinPath(options.logs, "rank0.log");
  auto told = std::chrono::steady_clock::now();
  GROUTER_RETURN_IF_ERROR(supervisor.WaitUntil(
      [&] {
        bool all_ended = true;
        for (const Supervisor::Id id : ranks) all_ended = !supervisor.running(id) && all_ended;
        const auto now = std::chrono::steady_clock::now();
        if (!all_ended && now - told > std::chrono::seconds(5)) {
          told = now;
          const std::string line = LastLines(log, 1);
          if (!line.empty()) terminal.Log(line.substr(2));
        }
        return all_ended;
      },
      std::chrono::seconds(options.deadline_seconds), "the training run"));
  uint64_t memory = 0;
  for (const Supervisor::Id id : ranks) memory += supervisor.end(id).peak_memory_bytes;
  GROUTER_ASSIGN_OR_RETURN(const std::string summary,
                           files.ReadFile(JoinPath(options.logs, "rank0.json"), 1 << 24));
  nlohmann::ordered_json json = ParseOrderedJson(summary);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kInternal, "the trainer ended well without a summary",
                 JoinPath(options.logs, "rank0.json"), "look at the log beside it");
  }
  json["ranks"] = options.ranks;
  json["peak_memory_bytes"] = memory;
  json["out"] = options.out;
  terminal.Result(
      absl::StrFormat("%s: %s steps, %s tokens in %s, validation loss %s, %s of memory in %d processes\n",
                      options.out, json.value("num_steps", nlohmann::ordered_json()).dump(),
                      Grouped(json.value("tokens", uint64_t{0})), HumanSeconds(json.value("seconds", 0.0)),
                      json.contains("valid_loss") ? json["valid_loss"].dump() : "not measured",
                      HumanBytes(memory), options.ranks),
      json.dump());
  return 0;
}

}  // namespace

void AddTrainCommand(Command& root) {
  Command& command = root.Add("train", "start the ranks of a training run on this machine and wait for them");
  Options* options = command.Keep(Options());
  command.Required("--config", &options->config, "trainer configuration (JSON)")
      .Required("--out", &options->out, "folder for metrics, checkpoints and logs")
      .Option("--ranks", &options->ranks, "processes")
      .Option("--server", &options->servers, "routing servers, host:port")
      .Option("--server_timeout", &options->server_timeout, "how long a lost server is waited for")
      .Option("--resident_experts", &options->resident_experts,
              "experts a rank holds at once; -1: as configured")
      .Option("--threads", &options->threads, "of each rank")
      .Option("--trainer", &options->trainer, "the program each rank is")
      .Option("--logs", &options->logs, "folder for the ranks' logs; empty: OUT/logs")
      .Option("--deadline", &options->deadline_seconds, "seconds until the run is given up")
      .Flag("--resume", &options->resume, "go on from the newest checkpoint in OUT, if there is one");
  AddCredentialOptions(command, &options->credentials)
      .Footer("For several machines start grouter_trainer on each, by torchrun, srun or hand (README).")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
