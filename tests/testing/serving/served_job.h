// A root folder with a routing table and a placement schedule, a job over them, and servers of that root.
#ifndef GROUTER_TESTS_TESTING_SERVING_SERVED_JOB_H_
#define GROUTER_TESTS_TESTING_SERVING_SERVED_JOB_H_

#include <memory>
#include <string>
#include <vector>

#include "client/plan_source.h"
#include "io/file.h"
#include "routing/planning/batch_planner.h"
#include "server/server.h"

namespace grouter {
namespace testing {

struct ServedJobOptions {
  uint64_t seed = 1;
  uint32_t num_samples = 32;  // three quarters are in "train"
  uint32_t sample_length = 32;
  uint32_t num_experts = 8;
  uint32_t k = 2;
  uint32_t num_layer_groups = 2;
  WeightType weight_type = WeightType::kFloat32;
  uint32_t num_nodes = 1;
  uint32_t ranks_per_node = 2;
  uint32_t ep_size = 2;
  uint32_t samples_per_step = 4;
  uint32_t num_micro_batches = 2;
  uint32_t num_chunks = 2;
  uint64_t num_steps = 6;
  uint64_t second_epoch_at = 3;                    // step of another placement epoch; 0: one epoch
  uint64_t distinct_samples = 0;                   // as of RandomTableOptions
  FileSystem* table_files = &FileSystem::Local();  // that the table is written through
};

struct ServedJob {
  std::string root;
  std::string table_path;
  JobSpec spec;
  std::vector<std::shared_ptr<const RoutingTable>> tables;
  std::shared_ptr<const PlacementSchedule> schedule;

  std::unique_ptr<const BatchPlanner> Planner() const;
  // The embedded planner's plans: what every other source must equal.
  std::unique_ptr<PlanSource> Local(uint32_t rank) const;
};

// Writes the files into a new folder. Dies when it cannot.
ServedJob MakeServedJob(const ServedJobOptions& options = {});

// A configuration for tests: any free port on loopback, short times.
server::ServerConfig TestConfig(const std::string& root);
// Dies when it does not start.
std::unique_ptr<Server> StartServer(const server::ServerConfig& config);
std::unique_ptr<Server> StartServer(const std::string& root);

// The canonical bytes of what a source gives: for comparing sources.
std::string StepBytes(PlanSource* source, uint64_t step);
std::string MicroBatchBytes(PlanSource* source, uint64_t step, uint32_t micro_batch);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_SERVING_SERVED_JOB_H_
