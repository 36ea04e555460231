// A routing table in memory, made from a seed: what planners and servers are tested with when no file is
// wanted. Routes have the shape of real ones: experts are picked with Zipf-like frequencies that depend on
// the sample's topic, so that co-activation and load are uneven and differ between samples.
#ifndef GROUTER_TESTS_TESTING_FAKE_ROUTING_TABLE_H_
#define GROUTER_TESTS_TESTING_FAKE_ROUTING_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {
namespace testing {

struct FakeTableOptions {
  uint64_t seed = 1;
  uint32_t num_experts = 16;  // more than 256: ids of two bytes
  uint32_t k = 4;
  bool per_token_k = false;  // k_t from 0 to k
  double missing_share = 0;  // of tokens
  uint32_t num_layer_groups = 1;
  WeightType weight_type = WeightType::kFloat32;
  uint64_t num_samples = 32;  // of the split "train"; a split "valid" of num_samples / 4 + 1 follows
  uint32_t shortest = 16;     // tokens of a sample, uniform in [shortest, longest]
  uint32_t longest = 16;
  uint32_t num_topics = 4;
  Causality causality = Causality::kCausal;
  bool token_crcs_known = true;
};

// Everything can be changed before the table is shared; after that it is immutable and thread-safe.
class FakeRoutingTable : public RoutingTable {
 public:
  explicit FakeRoutingTable(const FakeTableOptions& options);

  const std::string& path() const override { return path_; }
  const TableHeader& header() const override { return header_; }
  TableTier tier() const override { return TableTier::kPlain; }
  const Digest& content_digest() const override { return digest_; }
  bool token_crcs_known() const override { return options_.token_crcs_known; }
  const std::vector<std::string>& domains() const override { return domains_; }
  uint64_t num_samples() const override { return first_token_.size() - 1; }
  uint64_t num_tokens() const override { return first_token_.back(); }
  uint64_t stored_bytes() const override { return 0; }
  SampleFacts facts(uint64_t sample) const override;
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t layer_group) const override;
  absl::StatusOr<RouteView> CheckedRoutes(uint64_t sample, uint32_t layer_group) const override {
    return Routes(sample, layer_group);
  }
  absl::Status ExpertCounts(uint64_t sample, uint32_t layer_group,
                            std::vector<ExpertCount>* counts) const override;
  absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t layer_group) const override;

  // Changes one id: damage for tests.
  void SetId(uint64_t sample, uint32_t layer_group, uint32_t token, uint32_t rank, uint32_t id);

 private:
  struct Layer {
    std::string ids, weights, num_topk, missing;
  };
  void FillLayer(uint32_t layer_group, Layer* layer);

  FakeTableOptions options_;
  std::string path_ = "fake";
  TableHeader header_;
  Digest digest_;
  std::vector<std::string> domains_;
  std::vector<uint64_t> first_token_;  // [num_samples + 1]
  std::vector<Layer> layers_;
};

std::shared_ptr<FakeRoutingTable> MakeFakeTable(const FakeTableOptions& options);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_FAKE_ROUTING_TABLE_H_
