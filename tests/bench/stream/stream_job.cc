#include "tests/bench/stream/stream_job.h"

#include <algorithm>

namespace grouter {

testing::ServedJob MakeStreamJob(const StreamJobOptions& options) {
  constexpr uint64_t kTokenBytes = 40;
  constexpr uint64_t kLarge = uint64_t{256} << 20;
  testing::ServedJobOptions job;
  job.k = 8;
  job.num_experts = 128;
  job.num_layer_groups = 1;
  job.num_nodes = 1;
  job.ranks_per_node = options.num_ranks;
  job.ep_size = 1;
  job.num_micro_batches = 1;
  job.num_chunks = 1;
  job.samples_per_step = options.num_ranks;
  job.sample_length = static_cast<uint32_t>(std::max<uint64_t>(1, options.payload_bytes / kTokenBytes));
  const uint64_t samples = options.table_bytes / (job.sample_length * kTokenBytes);
  job.num_samples = static_cast<uint32_t>(std::max<uint64_t>(samples, 4 * uint64_t{options.num_ranks}));
  job.num_steps = options.num_steps;
  if (options.table_bytes >= kLarge) job.distinct_samples = 64;
  job.second_epoch_at = 0;
  return testing::MakeServedJob(job);
}

}  // namespace grouter
