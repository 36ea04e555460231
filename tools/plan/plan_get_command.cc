#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/grpc_plan_source.h"
#include "client/local_plan_source.h"
#include "io/error.h"
#include "io/file.h"
#include "tools/command/credential_options.h"
#include "tools/plan/commands.h"
#include "tools/plan/job_files.h"

namespace grouter {
namespace {

struct Options {
  std::string job, schedule, out;
  std::vector<std::string> tables, servers;
  uint64_t step = 0, timeout_seconds = 60;
  uint32_t rank = 0;
  ClientCredentials credentials;
};

absl::StatusOr<std::unique_ptr<PlanSource>> OpenSource(const Options& options) {
  if (options.servers.empty()) {
    GROUTER_ASSIGN_OR_RETURN(auto planner, OpenPlanner(options.job, options.tables, options.schedule));
    return MakeLocalPlanSource(std::move(planner), options.rank);
  }
  GrpcPlanSourceOptions grpc;
  GROUTER_ASSIGN_OR_RETURN(grpc.spec, ReadJobSpec(options.job));
  grpc.servers = options.servers;
  grpc.rank = options.rank;
  grpc.credentials = WithEnvironment(options.credentials, std::getenv);
  grpc.server_timeout = std::chrono::seconds(options.timeout_seconds);
  GROUTER_ASSIGN_OR_RETURN(auto source, ConnectPlanSource(std::move(grpc)));
  return std::unique_ptr<PlanSource>(std::move(source));
}

nlohmann::json Describe(const MicroBatchPlan& plan) {
  nlohmann::json samples = nlohmann::json::array(), groups = nlohmann::json::array();
  for (const PlannedSample& sample : plan.samples) {
    samples.push_back({{"table", sample.table}, {"sample", sample.sample}, {"tokens", sample.length}});
  }
  for (const LayerGroupPlan& group : plan.layer_groups) {
    nlohmann::json chunks = nlohmann::json::array();
    for (const ChunkPlan& chunk : group.chunks) {
      chunks.push_back({{"tokens", chunk.num_tokens},
                        {"send_splits", chunk.send_splits},
                        {"recv_splits", chunk.recv_splits},
                        {"aligned_rows", chunk.aligned_rows},
                        {"peak_bytes", chunk.peak_bytes}});
    }
    groups.push_back({{"layer_group", group.layer_group}, {"chunks", chunks}});
  }
  return {{"micro_batch", plan.micro_batch},
          {"tokens", plan.num_tokens},
          {"samples", samples},
          {"layer_groups", groups}};
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  GROUTER_ASSIGN_OR_RETURN(const auto source, OpenSource(options));
  GROUTER_ASSIGN_OR_RETURN(const auto part, source->Step(options.step));
  std::string bytes = EncodeStepPart(*part);
  nlohmann::json json = {{"job", source->job_digest().Hex()},
                         {"step", options.step},
                         {"rank", options.rank},
                         {"samples_of_step", part->num_samples},
                         {"tokens_of_step", part->num_tokens},
                         {"loss_tokens_of_step", part->num_loss_tokens},
                         {"sample_list_digest", part->sample_list_digest.Hex()},
                         {"placement_epoch", part->placement_epoch},
                         {"transfers", part->transfers.size()},
                         {"micro_batches", nlohmann::json::array()}};
  for (uint32_t m = 0; m < source->spec().draft.batch.num_micro_batches; ++m) {
    GROUTER_ASSIGN_OR_RETURN(const auto plan, source->MicroBatch(options.step, m));
    json["micro_batches"].push_back(Describe(*plan));
    bytes += EncodeMicroBatchPlan(*plan).Flatten();
  }
  json["bytes"] = bytes.size();
  json["sha256"] = Sha256(bytes).Hex();
  if (!options.out.empty())
    GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out, bytes));
  terminal.Result(json.dump(2) + "\n", json.dump());
  return 0;
}

}  // namespace

void AddPlanGetCommand(Command& plan) {
  Command& command = plan.Add("get", "one rank's plan of one step, from a server or planned here");
  Options* options = command.Keep(Options());
  command.Required("--job", &options->job, "job (JSON)")
      .Option("--server", &options->servers, "host:port; without one the plan is made here")
      .Option("--tables", &options->tables, "table folders, without a server")
      .Option("--schedule", &options->schedule, "placement schedule, without a server")
      .Option("--step", &options->step, "which step")
      .Option("--rank", &options->rank, "which world rank")
      .Option("--out", &options->out, "file for the plan's canonical bytes: step part, then micro-batches")
      .Option("--server_timeout", &options->timeout_seconds, "seconds to wait for a server");
  AddCredentialOptions(command, &options->credentials)
      .Footer("The same key gives the same bytes, from any server and planned here: compare sha256.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
