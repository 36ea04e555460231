// Routing tables for tests: a sample index with known facts, random routes, a whole table on disk.
#ifndef GROUTER_TESTS_TESTING_TABLES_RANDOM_TABLE_H_
#define GROUTER_TESTS_TESTING_TABLES_RANDOM_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/sample_index.h"
#include "io/file.h"
#include "io/random.h"
#include "routing/table/route_buffer.h"
#include "routing/table/routing_table.h"

namespace grouter {
namespace testing {

// An index in memory. Token CRCs are known; facts follow from `seed`. Two splits, three domains.
class InMemorySampleIndex : public SampleIndex {
 public:
  InMemorySampleIndex(std::vector<uint32_t> lengths, uint64_t seed);
  const Digest& digest() const override { return digest_; }
  const Digest& tokenizer_digest() const override { return digest_; }
  const Digest& dataset_digest() const override { return digest_; }
  const SampleIndexRules& rules() const override { return rules_; }
  bool token_crcs_known() const override { return true; }
  uint64_t num_samples() const override { return samples_.size(); }
  uint64_t num_tokens() const override { return num_tokens_; }
  const std::vector<std::string>& domains() const override { return domains_; }
  const std::vector<DataSplit>& splits() const override { return splits_; }
  Sample sample(uint64_t sample) const override { return samples_[sample]; }
  absl::Status Save(const std::string& path, FileSystem& files) const override;

 private:
  Digest digest_;
  SampleIndexRules rules_;
  uint64_t num_tokens_ = 0;
  std::vector<std::string> domains_ = {"books", "code", "news"};
  std::vector<DataSplit> splits_;
  std::vector<Sample> samples_;
};

struct RandomTableOptions {
  TableHeader header;             // num_experts 8, k 2, one layer group unless changed
  std::vector<uint32_t> lengths;  // of the samples
  uint64_t seed = 1;
  double missing = 0;  // share of tokens without a known route
  uint64_t num_shards = 1;
  double skew = 0;          // > 0: low expert ids are chosen more often
  bool sum_to_one = false;  // a token's gate weights, as far as rounding lets them
  // Samples s and s + distinct_samples have the same routes, when all lengths are equal: a large table is
  // then written at the speed of the disk. 0: every sample has its own.
  uint64_t distinct_samples = 0;

  RandomTableOptions() {
    header.num_experts = 8;
    header.k = 2;
  }
};

// Routes of one sample and layer group; depends on seed, sample and layer group only.
RouteBuffer RandomRoutes(const RandomTableOptions& options, uint64_t sample, uint32_t layer_group);

std::shared_ptr<const SampleIndex> RandomIndex(const RandomTableOptions& options);

// Writes shards and manifest into `path`. Dies when it cannot.
std::shared_ptr<const RoutingTable> MakeRandomTable(const RandomTableOptions& options,
                                                    const std::string& path,
                                                    FileSystem& files = FileSystem::Local());
// One shard of it, samples [first, first + count).
absl::Status WriteRandomShard(const RandomTableOptions& options, std::shared_ptr<const SampleIndex> index,
                              uint64_t first, uint64_t count, const std::string& path, FileSystem& files);

// Any shape the format allows: E, k, per-token k, types, lengths (0 too), missing routes, shards.
RandomTableOptions RandomShape(Random* random);

// A new empty folder under the test's temporary folder.
std::string NewFolder();

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TABLES_RANDOM_TABLE_H_
