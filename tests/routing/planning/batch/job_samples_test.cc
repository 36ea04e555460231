#include "routing/planning/batch/job_samples.h"

#include <map>

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob Job(uint64_t num_steps, uint64_t consumed = 0) {
  testing::FakeTableOptions first, second;
  first.num_samples = 20;
  second.num_samples = 12;
  second.seed = 2;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 6;
  draft.batch.num_steps = num_steps;
  if (consumed > 0) draft.continues = Continues{Sha256("before"), consumed};
  testing::SmallJob job = testing::MakeJob({first, second}, draft);
  job.spec.draft.tables[0].weight = 3;
  return job;
}

std::vector<SampleRef> All(const JobSamples& samples) {
  std::vector<SampleRef> all;
  for (uint64_t step = 0; step < samples.num_steps(); ++step) {
    const auto refs = samples.OfStep(step);
    EXPECT_TRUE(refs.ok()) << refs.status();
    EXPECT_EQ(samples.FirstPosition(step) - samples.FirstPosition(0), all.size());
    all.insert(all.end(), refs->begin(), refs->end());
  }
  return all;
}

TEST(JobSamplesTest, AnEpochLongJobHasEverySampleOfTheFirstTableOnce) {
  const testing::SmallJob job = Job(0);
  std::map<uint64_t, int> times;
  for (const SampleRef& ref : All(JobSamples(job.spec.draft, job.const_tables()))) {
    if (ref.table == 0) ++times[ref.sample];
  }
  EXPECT_EQ(times.size(), 20u);
  for (const auto& [sample, count] : times) EXPECT_EQ(count, 1) << sample;
}

TEST(JobSamplesTest, AJobThatContinuesMeetsWhatTheOtherWouldHaveMet) {
  const testing::SmallJob whole = Job(10), rest = Job(6, 24);
  const auto a = All(JobSamples(whole.spec.draft, whole.const_tables()));
  const auto b = All(JobSamples(rest.spec.draft, rest.const_tables()));
  ASSERT_EQ(a.size(), 60u);
  ASSERT_EQ(b.size(), 36u);
  for (size_t i = 0; i < b.size(); ++i) {
    EXPECT_EQ(a[24 + i].table, b[i].table);
    EXPECT_EQ(a[24 + i].sample, b[i].sample);
  }
}

}  // namespace
}  // namespace grouter
