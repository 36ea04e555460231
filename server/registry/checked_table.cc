#include "server/registry/checked_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

class CheckedTable : public RoutingTable {
 public:
  CheckedTable(std::shared_ptr<const RoutingTable> table, std::function<void(const absl::Status&)> on_damage)
      : table_(std::move(table)), on_damage_(std::move(on_damage)) {}

  const std::string& path() const override { return table_->path(); }
  const TableHeader& header() const override { return table_->header(); }
  TableTier tier() const override { return table_->tier(); }
  const Digest& content_digest() const override { return table_->content_digest(); }
  bool token_crcs_known() const override { return table_->token_crcs_known(); }
  const std::vector<std::string>& domains() const override { return table_->domains(); }
  const std::vector<std::string>& provenance() const override { return table_->provenance(); }
  uint64_t num_samples() const override { return table_->num_samples(); }
  uint64_t num_tokens() const override { return table_->num_tokens(); }
  uint64_t stored_bytes() const override { return table_->stored_bytes(); }
  SampleFacts facts(uint64_t sample) const override { return table_->facts(sample); }
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t layer_group) const override {
    return CheckedRoutes(sample, layer_group);
  }
  absl::StatusOr<RouteView> CheckedRoutes(uint64_t sample, uint32_t layer_group) const override {
    absl::StatusOr<RouteView> routes = table_->CheckedRoutes(sample, layer_group);
    if (routes.ok()) return routes;
    if (absl::IsDataLoss(routes.status())) on_damage_(routes.status());
    return WithoutPath(routes.status());
  }
  absl::Status ExpertCounts(uint64_t sample, uint32_t layer_group,
                            std::vector<ExpertCount>* counts) const override {
    return WithoutPath(table_->ExpertCounts(sample, layer_group, counts));
  }
  absl::StatusOr<LayerGroupStatistics> Statistics(uint32_t layer_group) const override {
    absl::StatusOr<LayerGroupStatistics> statistics = table_->Statistics(layer_group);
    if (statistics.ok()) return statistics;
    return WithoutPath(statistics.status());
  }

 private:
  // The path stays in this process: an error names what people outside may know.
  absl::Status WithoutPath(const absl::Status& status) const {
    if (status.ok()) return status;
    return Error(status.code(), "the routes of the table cannot be read",
                 absl::StrCat("table ", content_digest().ShortHex()),
                 "Ask another server; run `grouter table verify` beside this one.");
  }

  const std::shared_ptr<const RoutingTable> table_;
  const std::function<void(const absl::Status&)> on_damage_;
};

}  // namespace

std::shared_ptr<const RoutingTable> MakeCheckedTable(std::shared_ptr<const RoutingTable> table,
                                                     std::function<void(const absl::Status&)> on_damage) {
  return std::make_shared<const CheckedTable>(std::move(table), std::move(on_damage));
}

}  // namespace grouter
