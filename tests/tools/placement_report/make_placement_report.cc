// The page of a small job, for the browser test: make_placement_report > page.html
#include <iostream>
#include <numeric>

#include "routing/planning/placement/place_experts.h"
#include "tests/testing/small_job.h"
#include "tools/placement_report/placement_report.h"

int main() {
  using grouter::testing::FakeTableOptions;
  FakeTableOptions table;
  table.num_experts = 24;
  table.num_samples = 64;
  table.shortest = table.longest = 64;
  grouter::JobDraft draft;
  draft.topology = grouter::Topology::Uniform(2, 2);
  draft.ep_size = 4;
  draft.batch.samples_per_step = 16;
  draft.model.hidden_size = 64;
  draft.model.num_slots_per_rank = 7;
  grouter::testing::SmallJob job = grouter::testing::MakeJob({table}, draft);
  const auto schedule = std::make_shared<grouter::PlacementSchedule>(
      grouter::PlaceExperts(job.spec.draft, job.const_tables(), grouter::PlaceOptions()).value());
  job.spec.schedule = schedule->digest();
  const auto planner = grouter::BatchPlanner::Create(job.spec, job.const_tables(), schedule).value();
  std::vector<uint64_t> steps(planner->num_steps());
  std::iota(steps.begin(), steps.end(), 0);
  const auto explanation = grouter::Explain(*planner, job.const_tables(), steps, 5).value();
  const auto statistics = job.tables[0]->Statistics(0).value();
  grouter::PlacementReportInputs inputs;
  inputs.title = "What </script> the placement does";
  inputs.spec = &job.spec;
  inputs.placement = &schedule->epochs[0].placement;
  inputs.statistics = &statistics;
  inputs.explanation = &explanation;
  std::cout << grouter::PlacementReportPage(inputs);
  return 0;
}
