#include "tools/server/stats_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::GetStatsResponse Stats() {
  v1::GetStatsResponse stats;
  stats.mutable_server()->set_version("1.0");
  stats.mutable_server()->set_plan_cache_hits(3);
  stats.mutable_server()->set_plan_cache_misses(1);
  v1::RejectCount* reject = stats.mutable_server()->add_rejects();
  reject->set_reason("too_many_streams");
  reject->set_count(12345);
  v1::JobStats* job = stats.add_jobs();
  job->set_digest(std::string(64, 'a'));
  job->set_label("run");
  job->set_num_steps(1000);
  job->set_causal_tables(false);
  job->set_steps_counted(2);
  job->set_local_share(0.25);
  v1::ExpertLoad* load = job->add_expert_load();
  load->set_max_vio(0.5);
  for (const uint64_t tokens : {10, 30, 20}) load->add_tokens_per_expert(tokens);
  for (int from = 0; from < 2; ++from) {
    v1::TrafficRow* row = job->add_rows_between_ranks();
    row->add_rows(4000 + from);
    row->add_rows(7);
  }
  v1::WorkerStats* worker = job->add_workers();
  worker->set_worker("host:1");
  worker->set_rank(1);
  v1::TableStats* table = stats.add_tables();
  table->set_digest(std::string(64, 'b'));
  table->set_damage("shard 0 shrank");
  return stats;
}

TEST(StatsTextTest, WhatAPersonAsksForIsThere) {
  const std::string text = StatsText(Stats());
  for (const char* part :
       {"75.0 % of 4", "12,345 too_many_streams", "job aaaaaaaaaaaa run: 1,000 steps, none planned",
        "later tokens", "25.0 % of rows stay on their rank", "MaxVio 0.500",
        "busiest expert 1 with 30 tokens", "4,001", "no step finished", "DAMAGED: shard 0 shrank"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(StatsTextTest, AMatrixTooWideForATerminalIsLeftOut) {
  v1::GetStatsResponse stats = Stats();
  for (int i = 0; i < 30; ++i)
    *stats.mutable_jobs(0)->add_rows_between_ranks() = stats.jobs(0).rows_between_ranks(0);
  EXPECT_THAT(StatsText(stats), Not(HasSubstr("rows from each rank")));
}

TEST(StatsTextTest, JsonIsOneLineWithTheWireNames) {
  const std::string json = StatsJson(Stats());
  EXPECT_THAT(json, HasSubstr("\"tokens_per_expert\":[\"10\",\"30\",\"20\"]"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace grouter
