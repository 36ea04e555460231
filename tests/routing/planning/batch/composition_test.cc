#include "routing/planning/batch/composition.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/planning/batch/job_samples.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/placement/step_predictor.h"
#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

WindowProblem RandomWindow(uint64_t seed) {
  Random random(seed);
  WindowProblem problem;
  problem.batch_samples = static_cast<uint32_t>(1 + random.Below(9));
  problem.domain_slack = static_cast<uint32_t>(random.Below(3));
  problem.num_columns = static_cast<uint32_t>(2 + random.Below(20));
  const uint64_t samples = 1 + random.Below(60);
  const uint64_t segments = 1 + random.Below(3), domains = 1 + random.Below(4);
  for (uint64_t s = 0; s < samples; ++s) {
    problem.segment.push_back(static_cast<uint32_t>(random.Below(segments)));
    problem.domain.push_back(static_cast<uint32_t>(random.Below(domains)));
    for (uint32_t c = 0; c < problem.num_columns; ++c) {
      problem.load.push_back(random.Below(3) == 0 ? static_cast<int32_t>(random.Below(1000)) : 0);
    }
  }
  return problem;
}

std::vector<uint32_t> Uniform(const WindowProblem& problem) {
  std::vector<uint32_t> order(problem.segment.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(ComposeWindowTest, EverySampleIsThereOnceInItsSegmentsPlaces) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const WindowProblem problem = RandomWindow(seed);
    const std::vector<uint32_t> order = ComposeWindow(problem, 500, seed);
    std::vector<uint32_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, Uniform(problem));
    for (size_t place = 0; place < order.size(); ++place) {
      EXPECT_EQ(problem.segment[order[place]], problem.segment[place]);
    }
  }
}

TEST(ComposeWindowTest, ABatchsDomainsStayWithinTheSlackOfTheUniformShuffle) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const WindowProblem problem = RandomWindow(seed);
    const std::vector<uint32_t> order = ComposeWindow(problem, 2000, seed);
    for (size_t begin = 0; begin < order.size(); begin += problem.batch_samples) {
      std::map<uint32_t, int> change;
      for (size_t i = begin; i < std::min(order.size(), begin + problem.batch_samples); ++i) {
        ++change[problem.domain[order[i]]];
        --change[problem.domain[i]];
      }
      for (const auto& [domain, by] : change) EXPECT_LE(std::abs(by), static_cast<int>(problem.domain_slack));
    }
  }
}

TEST(ComposeWindowTest, MoreIterationsAreNeverWorseAndNoneIsTheUniformOrder) {
  bool better = false;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const WindowProblem problem = RandomWindow(seed);
    EXPECT_EQ(ComposeWindow(problem, 0, seed), Uniform(problem));
    const uint64_t uniform = SquaredLoad(problem, Uniform(problem));
    uint64_t before = uniform;
    for (const uint64_t iterations : {10, 100, 1000, 5000}) {
      const uint64_t now = SquaredLoad(problem, ComposeWindow(problem, iterations, seed));
      EXPECT_LE(now, before);
      before = now;
    }
    better = better || before < uniform;
  }
  EXPECT_TRUE(better);
}

TEST(ComposeWindowTest, TheLargestLoadsDoNotOverflow) {
  WindowProblem problem;
  problem.batch_samples = 1;
  problem.num_columns = 1024;
  const int32_t most = (1 << 26) - 2;
  for (uint32_t s = 0; s < 2; ++s) {
    problem.segment.push_back(0);
    problem.domain.push_back(0);
    problem.load.insert(problem.load.end(), 1024, s == 0 ? most : 1);
  }
  EXPECT_EQ(SquaredLoad(problem, ComposeWindow(problem, 100, 1)), SquaredLoad(problem, {0, 1}));
}

testing::SmallJob TwoTables(uint32_t window, uint64_t num_steps, uint64_t consumed, uint32_t per_step,
                            uint64_t iterations = 2000) {
  testing::FakeTableOptions first, second;
  first.num_samples = 50;
  first.num_layer_groups = second.num_layer_groups = 2;
  second.num_samples = 21;
  second.seed = 2;
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  draft.ep_size = 4;
  draft.batch.samples_per_step = per_step;
  draft.batch.num_steps = num_steps;
  draft.batch.composition = BatchComposition{window, 8, 1, iterations};
  draft.model.hidden_size = 64;
  if (consumed > 0) draft.continues = Continues{Sha256("before"), consumed};
  testing::SmallJob job = testing::MakeJob({first, second}, draft);
  job.spec.draft.tables[0].weight = 2;
  PlacementSchedule schedule = *job.schedule;
  schedule.draft = job.spec.draft.digest();
  job.spec.schedule = schedule.digest();
  job.schedule = std::make_shared<const PlacementSchedule>(schedule);
  return job;
}

std::vector<SampleRef> Order(const testing::SmallJob& job) {
  const JobSamples samples(job.spec.draft, job.const_tables());
  std::vector<SampleRef> all;
  for (uint64_t step = 0; step < samples.num_steps(); ++step) {
    const auto refs = samples.OfStep(step).value();
    all.insert(all.end(), refs.begin(), refs.end());
  }
  return all;
}

std::vector<OrderedSample> UniformOrder(uint64_t count) {
  return SampleOrder(0, {50, 21}, {2, 1}).Range(0, count);
}

TEST(ComposedOrderTest, TablesBlendAsBeforeAndASampleMovesByLessThanAWindow) {
  constexpr uint32_t kWindow = 32;
  const auto composed = Order(TwoTables(kWindow, 30, 0, 8));
  const auto uniform = UniformOrder(composed.size());
  std::map<std::pair<uint32_t, uint64_t>, std::vector<size_t>> places;
  bool moved = false;
  for (size_t i = 0; i < uniform.size(); ++i) {
    ASSERT_EQ(composed[i].table, uniform[i].table);
    places[{uniform[i].table, uniform[i].index}].push_back(i);
  }
  std::map<std::pair<uint32_t, uint64_t>, size_t> times;
  for (size_t i = 0; i < composed.size() / kWindow * kWindow; ++i) {
    // The n-th time a sample comes it is the one of its n-th epoch.
    const std::pair<uint32_t, uint64_t> key{composed[i].table, composed[i].sample};
    const size_t n = times[key]++;
    ASSERT_LT(n, places[key].size());
    EXPECT_EQ(places[key][n] / kWindow, i / kWindow);
    moved = moved || places[key][n] != i;
  }
  EXPECT_TRUE(moved);
}

TEST(ComposedOrderTest, EveryEpochHasEverySampleOnce) {
  const testing::SmallJob job = TwoTables(32, 40, 0, 8);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
  ASSERT_TRUE(planner.ok()) << planner.status();
  for (const uint64_t first : {0, 5, 17}) {
    const auto report =
        VerifyPlans(job.spec, job.const_tables(), *job.schedule, PlansOf(**planner), first, 39);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->findings.empty()) << report->findings[0];
  }
}

TEST(ComposedOrderTest, AnyStepIsFoundFromItsOwnWindowAlone) {
  const testing::SmallJob job = TwoTables(32, 40, 0, 8);
  const auto all = Order(job);
  for (const uint64_t step :
       {39, 0, 21, 4, 38}) {  // backwards too, each with a planner that saw nothing else
    const auto refs = JobSamples(job.spec.draft, job.const_tables()).OfStep(step).value();
    for (size_t i = 0; i < refs.size(); ++i) EXPECT_EQ(refs[i].sample, all[step * 8 + i].sample);
  }
}

TEST(ComposedOrderTest, AJobThatContinuesInTheMiddleOfAWindowOnAnotherWorldMeetsTheSameOrder) {
  const auto whole = Order(TwoTables(32, 30, 0, 8));
  const auto rest = Order(TwoTables(32, 12, 88, 12));  // 88 = 2 windows and 24 samples; steps of 12 now
  ASSERT_EQ(rest.size(), 144u);
  for (size_t i = 0; i < rest.size(); ++i) {
    EXPECT_EQ(rest[i].table, whole[88 + i].table);
    EXPECT_EQ(rest[i].sample, whole[88 + i].sample);
  }
}

TEST(ComposedOrderTest, ABlendOfTablesResumesExactlyAnywhere) {
  const auto whole = UniformOrder(400);
  for (uint64_t consumed = 1; consumed < 200; consumed += 13) {
    const auto rest = Order(TwoTables(8, 10, consumed, 8, /*iterations=*/0));
    for (size_t i = 0; i < rest.size(); ++i) {
      EXPECT_EQ(rest[i].table, whole[consumed + i].table);
      EXPECT_EQ(rest[i].sample, whole[consumed + i].index);
    }
  }
}

// Mean over steps of (busiest expert / mean), in thousandths.
uint64_t BusiestExpert(const testing::SmallJob& job) {
  const JobSamples samples(job.spec.draft, job.const_tables());
  uint64_t sum = 0;
  for (uint64_t step = 0; step < samples.num_steps(); ++step) {
    std::vector<uint64_t> load(16, 0);
    std::vector<ExpertCount> counts;
    const std::vector<SampleRef> refs = samples.OfStep(step).value();
    for (const SampleRef& ref : refs) {
      EXPECT_TRUE(job.tables[ref.table]->ExpertCounts(ref.sample, 0, &counts).ok());
      for (const ExpertCount& count : counts) load[count.expert] += count.count;
    }
    const uint64_t total = std::accumulate(load.begin(), load.end(), uint64_t{0});
    sum += 1000 * *std::max_element(load.begin(), load.end()) * 16 / total;
  }
  return sum / samples.num_steps();
}

TEST(ComposedOrderTest, ComposedBatchesHaveLevelerExpertsAndAreExpectedToTakeNoLonger) {
  testing::SmallJob uniform = TwoTables(64, 24, 0, 8, 0), composed = TwoTables(64, 24, 0, 8, 20000);
  EXPECT_LT(BusiestExpert(composed), BusiestExpert(uniform));
  std::vector<uint64_t> steps(24);
  std::iota(steps.begin(), steps.end(), 0);
  const auto predict = [&](const testing::SmallJob& job) {
    return StepPredictor(job.spec.draft, job.const_tables())
        .MeanStepNs(steps, job.schedule->epochs[0].placement)
        .value();
  };
  EXPECT_LT(predict(composed), predict(uniform));
}

}  // namespace
}  // namespace grouter
