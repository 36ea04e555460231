// Which samples meet in a batch: the uniform shuffle, changed inside windows so that every batch asks the
// experts for about the same. Off unless the job asks for it.
//
//   uniform order   | window 0: b0 b1 b2 b3 | window 1: ...      samples change places inside a window alone,
//   composed order  | the same samples      | ...                with samples of the same table and epoch
//
// So an epoch still has every sample once, tables blend as before, a sample moves by less than a window, and
// a batch has of every domain as many samples as the uniform shuffle gives it, give or take domain_slack. A
// window depends on the tables, the seed and BatchComposition alone: any position is found from its own
// window, and a job that continues on another world meets the same order.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_COMPOSITION_H_
#define GROUTER_ROUTING_PLANNING_BATCH_COMPOSITION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "io/mutex.h"
#include "routing/planning/batch/sample_order.h"
#include "routing/planning/job.h"
#include "routing/table/routing_table.h"

namespace grouter {

// One window. Vectors are [samples] in the uniform order; batches are consecutive runs of batch_samples.
struct WindowProblem {
  uint32_t batch_samples = 1;
  uint32_t domain_slack = 0;
  uint32_t num_columns = 0;
  std::vector<int32_t> load;      // [samples][columns] token selections, >= 0, a column's sum below 2^26
  std::vector<uint32_t> segment;  // only samples of one segment change places; dense ids from 0
  std::vector<uint32_t> domain;   // dense ids from 0
};

// What the composed order minimises: the squares of every batch's load of every column, summed.
uint64_t SquaredLoad(const WindowProblem& problem, const std::vector<uint32_t>& order);

// [place] -> sample: swaps tried at random, kept when they lower SquaredLoad and the bounds hold.
// `iterations` are tries; more are never worse, none is the uniform order.
std::vector<uint32_t> ComposeWindow(const WindowProblem& problem, uint64_t iterations, uint64_t seed);

// The composed order of a job. Thread-safe; keeps the windows used last.
class ComposedOrder {
 public:
  // `order` outlives it; `first_sample` [tables] is where each table's split begins.
  ComposedOrder(const JobDraft& draft, const SampleOrder& order,
                std::vector<std::shared_ptr<const RoutingTable>> tables, std::vector<uint64_t> first_sample);

  // Positions [first, first + count). Errors are the tables' (DATA_LOSS).
  absl::StatusOr<std::vector<OrderedSample>> Range(uint64_t first, uint64_t count) const;

 private:
  using Window = std::shared_ptr<const std::vector<OrderedSample>>;
  absl::StatusOr<Window> Get(uint64_t window) const;
  absl::StatusOr<Window> Make(uint64_t window) const;

  const BatchComposition settings_;
  const uint64_t seed_;
  const SampleOrder& order_;
  const std::vector<std::shared_ptr<const RoutingTable>> tables_;
  const std::vector<uint64_t> first_sample_;
  std::vector<uint32_t> layer_groups_;  // that the model uses, ascending
  mutable Mutex mutex_;
  mutable std::deque<std::pair<uint64_t, Window>> recent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_COMPOSITION_H_
