#include "trainer/collectives/counting.h"

#include <utility>

#include "io/error.h"

namespace grouter {
namespace {

class CountingCollectives : public Collectives {
 public:
  CountingCollectives(std::unique_ptr<Collectives> inner, CollectiveCounts* counts)
      : inner_(std::move(inner)), counts_(*counts) {}

  uint32_t rank() const override { return inner_->rank(); }
  uint32_t size() const override { return inner_->size(); }

  absl::StatusOr<std::unique_ptr<Work>> StartAllToAll(const RowExchange& exchange) override {
    switch (exchange.kind) {
      case ExchangeKind::kRows:
        ++counts_.row_exchanges;
        for (uint32_t r = 0; r < size(); ++r) {
          if (r != rank()) counts_.row_bytes_sent += exchange.send_rows[r] * exchange.row_bytes;
        }
        break;
      case ExchangeKind::kCounts:
        ++counts_.count_exchanges;
        break;
      case ExchangeKind::kExperts:
        ++counts_.expert_exchanges;
        break;
    }
    return inner_->StartAllToAll(exchange);
  }
  absl::Status AllReduceSum(absl::Span<float> values, MemoryKind memory) override {
    ++counts_.reductions;
    return inner_->AllReduceSum(values, memory);
  }
  absl::Status AllReduceSum(absl::Span<double> values, MemoryKind memory) override {
    ++counts_.reductions;
    return inner_->AllReduceSum(values, memory);
  }
  absl::Status Broadcast(absl::Span<uint8_t> bytes, uint32_t root) override {
    ++counts_.broadcasts;
    return inner_->Broadcast(bytes, root);
  }
  absl::Status Barrier() override {
    ++counts_.barriers;
    return inner_->Barrier();
  }
  absl::StatusOr<std::unique_ptr<Collectives>> Subgroup(absl::Span<const uint32_t> ranks,
                                                        const std::string& name) override {
    GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<Collectives> group, inner_->Subgroup(ranks, name));
    return MakeCountingCollectives(std::move(group), &counts_);
  }

 private:
  const std::unique_ptr<Collectives> inner_;
  CollectiveCounts& counts_;
};

}  // namespace

std::unique_ptr<Collectives> MakeCountingCollectives(std::unique_ptr<Collectives> inner,
                                                     CollectiveCounts* counts) {
  return std::make_unique<CountingCollectives>(std::move(inner), counts);
}

}  // namespace grouter
