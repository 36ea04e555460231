#include "routing/planning/batch/job_samples.h"

#include <algorithm>
#include <utility>

#include "io/error.h"

namespace grouter {
namespace {

std::vector<DataSplit> SplitsOf(const JobDraft& draft,
                                const std::vector<std::shared_ptr<const RoutingTable>>& tables) {
  std::vector<DataSplit> splits;
  for (size_t t = 0; t < tables.size(); ++t) {
    for (const DataSplit& split : tables[t]->header().splits) {
      if (split.name == draft.tables[t].split) splits.push_back(split);
    }
    GROUTER_CHECK(splits.size() == t + 1);
  }
  return splits;
}

SampleOrder OrderOf(const JobDraft& draft, const std::vector<DataSplit>& splits) {
  std::vector<uint64_t> sizes, weights;
  for (const DataSplit& split : splits) sizes.push_back(split.num_samples);
  for (const TableUse& use : draft.tables) weights.push_back(use.weight);
  return SampleOrder(draft.seed, std::move(sizes), std::move(weights));
}

}  // namespace

JobSamples::JobSamples(const JobDraft& draft, std::vector<std::shared_ptr<const RoutingTable>> tables)
    : tables_(std::move(tables)),
      samples_per_step_(draft.batch.samples_per_step),
      splits_(SplitsOf(draft, tables_)),
      order_(OrderOf(draft, splits_)) {
  first_position_ = draft.continues.has_value() ? draft.continues->consumed_samples : 0;
  end_position_ = draft.batch.num_steps > 0 ? first_position_ + draft.batch.num_steps * samples_per_step_
                                            : order_.EndOfEpoch(first_position_);
  if (draft.batch.composition.has_value()) {
    std::vector<uint64_t> first_sample;
    for (const DataSplit& split : splits_) first_sample.push_back(split.first_sample);
    composed_ = std::make_unique<const ComposedOrder>(draft, order_, tables_, std::move(first_sample));
  }
}

absl::StatusOr<std::vector<SampleRef>> JobSamples::OfStep(uint64_t step) const {
  const uint64_t first = FirstPosition(step);
  const uint64_t count = std::min(samples_per_step_, end_position_ - first);
  std::vector<OrderedSample> ordered;
  if (composed_ == nullptr) {
    ordered = order_.Range(first, count);
  } else {
    GROUTER_ASSIGN_OR_RETURN(ordered, composed_->Range(first, count));
  }
  std::vector<SampleRef> samples;
  samples.reserve(count);
  for (const OrderedSample& sample : ordered) {
    samples.push_back(SampleRef{sample.table, splits_[sample.table].first_sample + sample.index});
  }
  return samples;
}

}  // namespace grouter
