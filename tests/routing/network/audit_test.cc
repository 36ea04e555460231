#include "routing/network/audit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "routing/network/router_network.h"
#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

Router RouterOf(Causality causality, bool cross_document) {
  RouterSpec spec = SmallSpec();
  spec.causality = causality;
  spec.cross_document = cross_document;
  return SmallRouter(spec);
}

AuditReport Audit(const Router& router, const SampleSource& samples) {
  const auto report = AuditRouter(router, samples);
  EXPECT_TRUE(report.ok()) << report.status();
  return *report;
}

TEST(AuditRouter, FindsACausalRouterCausalInBothContextRules) {
  const MemorySamples samples = RandomSamples(1, 20, 70, 50, 15);
  for (const bool cross_document : {false, true}) {
    Router router = RouterOf(Causality::kCausal, cross_document);
    const AuditReport report = Audit(router, samples);
    EXPECT_TRUE(report.causal()) << report.ToJson();
    EXPECT_EQ(report.changed, 0u);
    EXPECT_GT(report.compared, 500u);
    EXPECT_EQ(report.leak(), 0);
    EXPECT_EQ(report.next_token_leak(), 0);
    EXPECT_EQ(report.online_different, 0u) << report.ToJson();
    EXPECT_EQ(report.online_compared, report.compared);
    EXPECT_EQ(report.context_compared > 0, !cross_document);
    EXPECT_EQ(report.context_changed, 0u);
    ASSERT_TRUE(EstablishCausality(report, &router).ok());
    EXPECT_TRUE(router.spec.causality_established);
    EXPECT_EQ(nlohmann::json::parse(router.spec.history.back())["report"]["changed"], 0);
  }
}

TEST(AuditRouter, MeasuresTheLeakOfABidirectionalRouter) {
  const MemorySamples samples = RandomSamples(1, 20, 70, 50, 15);
  for (const Causality causality : {Causality::kDocumentBidirectional, Causality::kPackedBidirectional}) {
    Router router = RouterOf(causality, causality == Causality::kPackedBidirectional);
    const AuditReport report = Audit(router, samples);
    EXPECT_FALSE(report.causal());
    EXPECT_GT(report.leak(), 0.05) << report.ToJson();
    EXPECT_GT(report.next_token_leak(), 0.05) << report.ToJson();
    EXPECT_TRUE(report.keeps_context_rule());
    // It is what it says: bidirectional, inside its document. It never becomes "established causal".
    ASSERT_TRUE(EstablishCausality(report, &router).ok());
    EXPECT_FALSE(router.spec.causality_established);
    // A router that only says it is causal does not pass.
    router.spec.causality = Causality::kCausal;
    EXPECT_EQ(EstablishCausality(report, &router).code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(AuditRouter, FindsARouterThatLooksIntoOtherDocuments) {
  AuditReport report = Audit(RouterOf(Causality::kCausal, false), RandomSamples(1, 5, 70, 50, 15));
  report.context_changed = 1;
  Router router = RouterOf(Causality::kCausal, false);
  EXPECT_EQ(EstablishCausality(report, &router).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(router.spec.causality_established);
}

TEST(AuditRouter, IsDeterministicAndNeedsTwoTokens) {
  const MemorySamples samples = RandomSamples(1, 6, 30, 50);
  const Router router = SmallRouter();
  EXPECT_EQ(Audit(router, samples).ToJson(), Audit(router, samples).ToJson());
  EXPECT_EQ(AuditRouter(router, RandomSamples(1, 6, 1, 50)).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto stop = [](const Progress&) { return false; };
  EXPECT_EQ(AuditRouter(router, samples, {}, stop).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace grouter
