#include "server/http/metrics.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(MetricsTest, SaysTheNumbersInPrometheusText) {
  v1::GetStatsResponse stats;
  stats.mutable_server()->set_payload_bytes_sent(42);
  auto* reject = stats.mutable_server()->add_rejects();
  reject->set_reason("max_streams");
  reject->set_count(3);
  for (int j = 0; j < 2; ++j) {
    auto* job = stats.add_jobs();
    job->set_digest(std::string(64, static_cast<char>('a' + j)));
    job->set_label("job \"quoted\"\n");
    job->set_newest_step_planned(7 + j);
    job->add_expert_load()->set_max_vio(0.5);
    job->add_expert_load()->set_max_vio(0.25);
  }
  stats.mutable_server()->set_certificate_expiry_unix_seconds(2000000000);
  LoopReport loop;
  loop.name = "accept";
  loop.rounds = 9;
  loop.busy_seconds = 99;
  const std::string text = MetricsText(stats, {loop});
  EXPECT_NE(text.find("grouter_certificate_expiry_timestamp_seconds 2000000000"), std::string::npos) << text;
  EXPECT_NE(text.find("grouter_loop_stalled{loop=\"accept\"} 1"), std::string::npos);
  EXPECT_NE(text.find("grouter_payload_bytes_total 42"), std::string::npos) << text;
  EXPECT_NE(text.find("grouter_rejects_total{reason=\"max_streams\"} 3"), std::string::npos);
  EXPECT_NE(text.find("grouter_heartbeats_total{loop=\"accept\"} 9"), std::string::npos);
  EXPECT_NE(text.find("grouter_job_newest_step{job=\"aaaaaaaaaaaa\",label=\"job \\\"quoted\\\"\\n\"} 7"),
            std::string::npos);
  EXPECT_NE(text.find("grouter_job_newest_step{job=\"bbbbbbbbbbbb\""), std::string::npos);
  EXPECT_NE(text.find("} 0.5"), std::string::npos);
  // One family, one heading, however many jobs.
  const size_t heading = text.find("# TYPE grouter_job_newest_step gauge");
  ASSERT_NE(heading, std::string::npos);
  EXPECT_EQ(text.find("# TYPE grouter_job_newest_step gauge", heading + 1), std::string::npos);
}

}  // namespace
}  // namespace grouter
