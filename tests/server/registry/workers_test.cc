#include "server/registry/workers.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(WorkersTest, TellsHowFarEachWorkerIs) {
  Workers workers;
  const Workers::Id b = workers.Join("b", 1);
  const Workers::Id a = workers.Join("a", 0);
  workers.Sent(a, 100, 900);
  workers.Sent(a, 50, 850);
  workers.StepSent(a, 0, 1000000000);
  workers.StepSent(a, 1, 2000000000);
  workers.Stalled(a, 5);
  workers.Ahead(a, 2);
  workers.Finished(a, 0, 4500000000);
  ASSERT_EQ(workers.List().size(), 2u);
  const WorkerRecord record = workers.List()[0];
  EXPECT_EQ(record.worker, "a");
  EXPECT_EQ(record.payload_bytes_sent, 150u);
  EXPECT_EQ(record.credit_bytes, 850u);
  EXPECT_EQ(*record.step_sent, 1u);
  EXPECT_EQ(*record.step_finished, 0u);
  EXPECT_EQ(record.stalled_ns, 5u);
  EXPECT_EQ(*record.ahead_steps, 2u);
  EXPECT_DOUBLE_EQ(*record.plan_lead_seconds, 3.5);
  EXPECT_FALSE(workers.List()[1].step_sent.has_value());
  workers.Leave(a);
  EXPECT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers.List()[0].rank, 1u);
  workers.Leave(b);
  workers.Sent(b, 1, 1);
  EXPECT_EQ(workers.size(), 0u);
}

TEST(WorkersTest, AFinishedStepThatWasNeverSentHasNoLead) {
  Workers workers;
  const Workers::Id id = workers.Join("w", 0);
  workers.Finished(id, 9, 100);
  EXPECT_EQ(*workers.List()[0].step_finished, 9u);
  EXPECT_FALSE(workers.List()[0].plan_lead_seconds.has_value());
}

}  // namespace
}  // namespace grouter
