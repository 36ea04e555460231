#include "trainer/launch.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "io/error.h"
#include "trainer/collectives/gloo.h"
#include "trainer/collectives/in_process.h"
#include "trainer/collectives/nccl.h"
#include "trainer/device/cuda_device.h"
#include "trainer/experts/matmul.h"

namespace grouter {
namespace {

// "60s", "1m30s", or a number of seconds.
absl::Status ReadDuration(const char* flag, const std::string& text, std::chrono::milliseconds* value) {
  if (text.empty()) return absl::OkStatus();
  absl::Duration duration;
  const std::string with_unit =
      text.find_first_not_of("0123456789.") == std::string::npos ? text + "s" : text;
  if (!absl::ParseDuration(with_unit, &duration) || duration <= absl::ZeroDuration() ||
      duration > absl::Hours(1000)) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("not a duration: '", text, "'"), flag,
                 "write it like 60s or 2m");
  }
  *value = absl::ToChronoMilliseconds(duration);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CLI::App app("Trains a mixture-of-experts language model by plans or with a learned router.",
               "grouter_trainer");
  std::string config_path, servers, server_timeout, collective_timeout, resume, out, device;
  ClientCredentials credentials;
  uint32_t resident = 0;
  uint64_t num_steps = 0, stop_after = 0;
  app.add_option("--config", config_path, "the run, as JSON (docs/trainer.md)")->required();
  app.add_option("--server", servers, "routing servers, host:port[,host:port]; overrides the configuration");
  app.add_option("--tls_ca,--tls-ca", credentials.tls_ca, "CA of the servers' certificates (PEM): use TLS");
  app.add_option("--tls_cert,--tls-cert", credentials.tls_cert, "certificate that names this client (PEM)");
  app.add_option("--tls_key,--tls-key", credentials.tls_key, "its key (PEM)");
  app.add_option("--token_file,--token-file", credentials.token_file,
                 "file with this client's bearer token, instead or too");
  app.add_option("--server_timeout,--server-timeout", server_timeout,
                 "how long a lost server is waited for [60s]");
  app.add_option("--collective_timeout,--collective-timeout", collective_timeout,
                 "how long a rank waits for another [300s]");
  auto* resident_option = app.add_option("--resident-experts,--resident_experts", resident,
                                         "experts held at once; the others are brought in before need [all]");
  app.add_option("--device", device, "cpu or cuda [cpu]")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--resume", resume, "'latest' or a checkpoint folder");
  app.add_option("--out", out, "folder for metrics, checkpoints and timeline");
  auto* steps_option = app.add_option("--num-steps,--num_steps", num_steps, "at most so many steps");
  auto* stop_option = app.add_option("--stop-after,--stop_after", stop_after, "end after this step");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  CommandLine line;
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    line.text = app.help();
    return line;
  } catch (const CLI::Error& error) {
    return Error(absl::StatusCode::kInvalidArgument, error.what(), "command line",
                 "see grouter_trainer --help");
  }
  GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(config_path, 1 << 24));
  GROUTER_ASSIGN_OR_RETURN(line.config, TrainerConfig::FromJson(json, config_path));
  TrainerConfig& config = line.config;
  for (PlansConfig* plans : {&config.train, &config.valid}) {
    for (std::string ClientCredentials::*path :
         {&ClientCredentials::tls_ca, &ClientCredentials::tls_cert, &ClientCredentials::tls_key,
          &ClientCredentials::token_file}) {
      if (!(credentials.*path).empty()) plans->credentials.*path = credentials.*path;
    }
    if (!servers.empty()) plans->servers = absl::StrSplit(servers, ',', absl::SkipEmpty());
    GROUTER_RETURN_IF_ERROR(ReadDuration("--server_timeout", server_timeout, &plans->server_timeout));
  }
  GROUTER_RETURN_IF_ERROR(
      ReadDuration("--collective_timeout", collective_timeout, &config.collective_timeout));
  if (resident_option->count() > 0) config.num_resident_experts = resident;
  if (!device.empty()) config.device = device == "cuda" ? DeviceKind::kCuda : DeviceKind::kCpu;
  if (!resume.empty()) config.resume = resume;
  if (!out.empty()) config.out = out;
  if (steps_option->count() > 0) config.num_steps = num_steps;
  if (stop_option->count() > 0) config.stop_after = stop_after;
  GROUTER_RETURN_IF_ERROR(Annotate(config.Validate(), config_path));
  return line;
}

absl::StatusOr<std::unique_ptr<Device>> MakeDevice(const TrainerConfig& config,
                                                   const RankEnvironment& environment) {
  if (config.device == DeviceKind::kCpu) return nullptr;
  return MakeCudaDevice(environment.local_rank, config.collective_timeout);
}

absl::StatusOr<std::unique_ptr<Collectives>> MakeWorld(const TrainerConfig& config,
                                                       const RankEnvironment& environment) {
  GlooOptions options;
  options.environment = environment;
  options.timeout = config.collective_timeout;
  if (config.device == DeviceKind::kCuda) return MakeNcclCollectives(options);
  if (environment.world_size == 1) return std::move(MakeInProcessCollectives(1)[0]);
  return MakeGlooCollectives(options);
}

std::string SummaryToJson(const TrainingSummary& summary) {
  nlohmann::ordered_json json;
  json["num_steps"] = summary.num_steps;
  json["steps_done"] = summary.steps_done;
  json["tokens"] = summary.tokens;
  json["seconds"] = summary.seconds;
  json["tokens_per_second"] = summary.tokens_per_second;
  json["plan_wait_ms"] = static_cast<double>(summary.waited_us) / 1000;
  json["skipped_updates"] = summary.skipped_updates;
  if (!summary.steps.empty()) json["train_loss"] = summary.steps.back().train_loss;
  if (!summary.validations.empty()) {
    json["valid_loss"] = summary.validations.back().valid_loss;
    json["route_exact_match"] = summary.validations.back().route_exact_match;
  }
  json["checkpoint"] = summary.last_checkpoint;
  return json.dump();
}

int LaunchTrainer(const std::vector<std::string>& arguments,
                  const std::function<const char*(const char*)>& get, const MakePlanSource& make_plan_source,
                  std::ostream& out, std::ostream& err) {
  const auto fail = [&err](const absl::Status& status) {
    err << "grouter_trainer: " << status << std::endl;
    return ExitCode(status);
  };
  const auto line = ParseCommandLine(arguments);
  if (!line.ok()) return fail(line.status());
  if (!line->text.empty()) {
    out << line->text;
    return 0;
  }
  const TrainerConfig& config = line->config;
  const auto environment = ReadRankEnvironment(get);
  if (!environment.ok()) return fail(environment.status());
  SetNumMatMulThreads(config.num_threads);
  const auto device = MakeDevice(config, *environment);  // outlives the world
  if (!device.ok()) return fail(device.status());
  auto world = MakeWorld(config, *environment);
  if (!world.ok()) return fail(world.status());
  TrainingHooks hooks;
  hooks.device = device->get();
  hooks.progress = [&err](uint64_t done, uint64_t total, double loss) {
    if (done % 10 != 0 && done != total) return;
    char text[96];
    std::snprintf(text, sizeof(text), "step %llu of %llu, loss %.4f", static_cast<unsigned long long>(done),
                  static_cast<unsigned long long>(total), loss);
    err << text << std::endl;
  };
  const auto summary = RunTraining(config, **world, make_plan_source, hooks);
  if (!summary.ok()) return fail(Annotate(summary.status(), absl::StrCat("rank ", environment->rank)));
  if (environment->rank == 0) out << SummaryToJson(*summary) << std::endl;
  return 0;
}

}  // namespace grouter
