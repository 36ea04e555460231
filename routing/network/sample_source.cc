#include "routing/network/sample_source.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {

CorpusSamples::CorpusSamples(std::shared_ptr<const IndexedDataset> dataset,
                             std::shared_ptr<const SampleIndex> index, uint64_t first, uint64_t count)
    : dataset_(std::move(dataset)), index_(std::move(index)), first_(first), count_(count) {
  GROUTER_CHECK(first_ <= index_->num_samples() && count_ <= index_->num_samples() - first_);
  for (uint64_t i = 0; i < count_; ++i) num_tokens_ += index_->sample(first_ + i).length;
}

absl::StatusOr<std::unique_ptr<CorpusSamples>> CorpusSamples::Split(
    std::shared_ptr<const IndexedDataset> dataset, std::shared_ptr<const SampleIndex> index,
    absl::string_view split) {
  const DataSplit* found = index->FindSplit(split);
  if (found == nullptr) {
    std::string names;
    for (const DataSplit& other : index->splits())
      absl::StrAppend(&names, names.empty() ? "" : ", ", other.name);
    return Error(absl::StatusCode::kNotFound, absl::StrCat("the sample index has no split \"", split, "\""),
                 "", absl::StrCat("name one of: ", names));
  }
  if (found->num_tokens == 0) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("split \"", split, "\" holds no tokens"),
                 "", "make the sample index with a larger share for it");
  }
  return std::make_unique<CorpusSamples>(std::move(dataset), std::move(index), found->first_sample,
                                         found->num_samples);
}

absl::Status CorpusSamples::Read(uint64_t sample, SampleTokens* out) const {
  return ReadSampleTokens(*dataset_, *index_, first_ + sample, out);
}

SampleOrder::SampleOrder(uint64_t num_samples, uint64_t seed) : order_(num_samples), seed_(seed) {
  GROUTER_CHECK(num_samples > 0);
  Shuffle();
}

void SampleOrder::Shuffle() {
  std::iota(order_.begin(), order_.end(), 0);
  Random random(seed_, pass_++);
  random.Shuffle(&order_);
  at_ = 0;
}

uint64_t SampleOrder::Next() {
  if (at_ == order_.size()) Shuffle();
  return order_[at_++];
}

}  // namespace grouter
