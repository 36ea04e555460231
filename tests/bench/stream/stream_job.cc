#include "tests/bench/stream/stream_job.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "io/error.h"
#include "routing/planning/batch/sample_order.h"
#include "routing/table/format.h"
#include "tests/bench/stream/sparse_files.h"

namespace grouter {
namespace {

constexpr uint64_t kTokenBytes = 40;
constexpr uint64_t kLarge = uint64_t{256} << 20;  // of a table: larger ones are written in part

// Bytes of a sample's record: planes and the CRCs of their blocks (docs/table_format.md).
uint64_t RecordBytes(const testing::ServedJobOptions& job) {
  const uint64_t payload =
      AlignUp8(uint64_t{job.sample_length} * job.k) + AlignUp8(4 * uint64_t{job.sample_length} * job.k);
  return AlignUp8(payload + 4 * ((payload + kBlockBytes - 1) / kBlockBytes));
}

// The samples that the job's steps take, of the three quarters that are "train".
std::set<uint64_t> SamplesOf(const testing::ServedJobOptions& job) {
  const SampleOrder order(job.seed, {job.num_samples - job.num_samples / 4}, {1});
  std::set<uint64_t> samples;
  for (const OrderedSample& sample : order.Range(0, job.num_steps * job.samples_per_step)) {
    samples.insert(sample.index);
  }
  return samples;
}

// Whether bytes [begin, end) of a shard are read: all that is no route, and the routes of `samples`. A
// shard's name says which samples it has.
bool IsRead(const std::string& path, uint64_t begin, uint64_t end, uint64_t record_bytes,
            const std::set<uint64_t>& samples) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const uint64_t first = std::strtoull(name.c_str(), nullptr, 10);
  const uint64_t count = std::strtoull(name.c_str() + name.find('-') + 1, nullptr, 10);
  if (begin < kHeaderPageBytes || end > kHeaderPageBytes + count * record_bytes) return true;
  const auto next = samples.lower_bound(first + (begin - kHeaderPageBytes) / record_bytes);
  return next != samples.end() && *next <= first + (end - 1 - kHeaderPageBytes) / record_bytes;
}

}  // namespace

testing::ServedJob MakeStreamJob(const StreamJobOptions& options) {
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
  job.second_epoch_at = 0;
  if (options.table_bytes < kLarge) return testing::MakeServedJob(job);
  job.distinct_samples = 64;
  SparseFiles files([record_bytes = RecordBytes(job), samples = SamplesOf(job)](
                        const std::string& path, uint64_t begin, uint64_t end) {
    return IsRead(path, begin, end, record_bytes, samples);
  });
  job.table_files = &files;
  testing::ServedJob served = testing::MakeServedJob(job);
  // A hole in the wrong place would be found here.
  for (const uint64_t sample : SamplesOf(job)) {
    GROUTER_CHECK(served.tables[0]->CheckedRoutes(sample, 0).ok());
  }
  return served;
}

}  // namespace grouter
