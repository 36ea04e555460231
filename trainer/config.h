// One file configures a trainer; a few flags override it. docs/trainer.md lists every field.
#ifndef GROUTER_TRAINER_CONFIG_H_
#define GROUTER_TRAINER_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/credentials.h"
#include "trainer/model/model_config.h"
#include "trainer/model/routing_mode.h"
#include "trainer/pipeline/learning_rate.h"

namespace grouter {

// The tokens behind one table: PREFIX.bin/.idx and the sample index.
struct DatasetConfig {
  std::string prefix;
  std::string sample_index;
};

// Where plans come from. With servers they are streamed; else planned here from `tables` and `schedule`.
struct PlansConfig {
  std::string job;                   // JobSpec as JSON; empty: no job, samples come from the sample index
  std::vector<std::string> tables;   // folders, in the job's order
  std::string schedule;              // the placement schedule's file
  std::vector<std::string> servers;  // host:port
  ClientCredentials credentials;     // for the servers; "tls_ca", "tls_cert", "tls_key", "token_file"
  uint32_t plans_ahead = 2;
  std::chrono::milliseconds server_timeout = std::chrono::seconds(60);
};

// Batches without a job.
struct BatchConfig {
  uint32_t samples_per_step = 0;
  uint32_t num_micro_batches = 1;
  uint32_t num_chunks = 2;  // of a learned router's dispatch
};

// Where a rank computes.
enum class DeviceKind : uint8_t {
  kCpu = 0,
  kCuda = 1,  // the device of its local rank, NCCL between ranks; needs a build with --config=cuda
};

struct TrainerConfig {
  RoutingMode mode = RoutingMode::kPlan;
  DeviceKind device = DeviceKind::kCpu;
  ModelConfig model;
  std::vector<DatasetConfig> datasets;  // one per table of the job; one without a job
  PlansConfig train;
  PlansConfig valid;                  // job empty: with mode learned, the split below
  std::string train_split = "train";  // without a job
  std::string valid_split = "valid";
  BatchConfig batch;
  OptimizerConfig optimizer;
  double balance_coefficient = 0.01;  // learned router's auxiliary losses
  double z_coefficient = 0.001;
  uint64_t seed = 1;
  uint64_t num_steps = 0;             // 0: the job's
  uint64_t eval_interval = 0;         // steps; 0: only at the end
  uint64_t eval_steps = 0;            // of the valid job; 0: all
  uint64_t checkpoint_interval = 0;   // steps; 0: only at the end
  uint64_t stop_after = 0;            // ends the process after this step, a checkpoint written; 0: never
  std::string out;                    // folder
  std::string resume;                 // "", "latest" or a checkpoint folder
  uint32_t num_resident_experts = 0;  // 0: all
  bool backing_in_file = false;  // experts that are not resident lie in a file under `out`, else in memory
  uint32_t num_threads = 1;      // of matrix products; 0: as many as the machine has
  uint64_t timeline_steps = 4;   // steps recorded in timeline.json
  std::chrono::milliseconds collective_timeout = std::chrono::seconds(300);

  // INVALID_ARGUMENT lists all problems at once.
  absl::Status Validate() const;
  // Reads the fields; unknown ones are refused. Whether they suffice, Validate says. Paths are as given:
  // relative to where the trainer runs.
  static absl::StatusOr<TrainerConfig> FromJson(absl::string_view json, absl::string_view where);
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_CONFIG_H_
