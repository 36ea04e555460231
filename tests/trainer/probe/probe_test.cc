#include "trainer/probe/probe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "trainer/collectives/in_process.h"

namespace grouter {
namespace {

RankProbe Rank(const std::string& node, uint64_t flops, LinkTimes up, LinkTimes out) {
  RankProbe probe;
  probe.node = node;
  probe.memory_bytes = 1000;
  probe.flops_per_second = flops;
  probe.scale_up = up;
  probe.scale_out = out;
  return probe;
}

TEST(TopologyOfTest, TheSlowestRankOfANodeSpeaksForIt) {
  const auto topology = TopologyOf({Rank("a", 50, {10, 110}, {100, 1100}),
                                    Rank("a", 40, {20, 70}, {90, 2100}), Rank("b", 7, {1, 2}, {300, 1300})},
                                   /*message_bytes=*/4096);
  ASSERT_TRUE(topology.ok()) << topology.status();
  ASSERT_EQ(topology->nodes.size(), 2u);
  const TopologyNode& a = topology->nodes[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.num_ranks, 2u);
  EXPECT_EQ(a.flops_per_second, 40u);
  EXPECT_EQ(a.memory_bytes, 500u);  // shared by its two ranks
  EXPECT_EQ(a.scale_up.latency_ns, 20u);
  EXPECT_EQ(a.scale_up.bytes_per_second, uint64_t{4096} * 1'000'000'000 / 90);
  EXPECT_EQ(a.scale_out.latency_ns, 100u);
  EXPECT_EQ(a.scale_out.bytes_per_second, uint64_t{4096} * 1'000'000'000 / 2000);
  EXPECT_EQ(topology->nodes[1].memory_bytes, 1000u);
}

TEST(TopologyOfTest, OneNodeHasNoOtherToMeasure) {
  const auto topology = TopologyOf({Rank("a", 50, {10, 110}, {})}, 4096);
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->nodes[0].scale_out.bytes_per_second, topology->nodes[0].scale_up.bytes_per_second);
}

TEST(TopologyOfTest, NoiseThatMakesALargeExchangeFasterGivesNoFantasticBandwidth) {
  const auto topology = TopologyOf({Rank("a", 50, {110, 10}, {})}, 4096);
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->nodes[0].scale_up.bytes_per_second, uint64_t{4096} * 1'000'000'000 / 5);
}

TEST(TopologyOfTest, RanksThatAreDealtOverNodesAreRefused) {
  const auto topology = TopologyOf(
      {Rank("a", 1, {1, 2}, {1, 2}), Rank("b", 1, {1, 2}, {1, 2}), Rank("a", 1, {1, 2}, {1, 2})}, 4096);
  EXPECT_EQ(topology.status().code(), absl::StatusCode::kFailedPrecondition);
}

// Every rank's clock moves on by itself, so what is measured follows from the number of readings alone.
TEST(ProbeRanksTest, AllRanksOfUnevenNodesAgreeOnOneTopology) {
  const std::vector<std::string> nodes = {"a", "a", "a", "b", "c", "c"};
  auto group = MakeInProcessCollectives(static_cast<uint32_t>(nodes.size()), std::chrono::seconds(20));
  std::vector<std::string> found(nodes.size());
  std::vector<std::atomic<uint64_t>> clocks(nodes.size());
  std::vector<std::thread> ranks;
  for (size_t r = 0; r < nodes.size(); ++r) {
    ranks.emplace_back([&, r] {
      ProbeOptions options;
      options.node = nodes[r];
      options.memory_bytes = 6000;
      options.message_bytes = 8192;
      options.rounds = 3;
      options.now_ns = [&, r] { return clocks[r] += 100 * (r + 1); };
      options.measure_flops = [&, r](uint32_t ranks_on_node) { return 1000 * (r + 1) + ranks_on_node; };
      const auto topology = ProbeRanks(*group[r], options);
      found[r] = topology.ok() ? topology->ToJson() : topology.status().ToString();
    });
  }
  for (std::thread& rank : ranks) rank.join();
  for (const std::string& json : found) EXPECT_EQ(json, found[0]);
  const auto topology = Topology::FromJson(found[0], "probe");
  ASSERT_TRUE(topology.ok()) << found[0];
  ASSERT_EQ(topology->nodes.size(), 3u);
  EXPECT_EQ(topology->nodes[0].num_ranks, 3u);
  EXPECT_EQ(topology->nodes[0].flops_per_second,
            1003u);  // its slowest rank, told that three share the machine
  EXPECT_EQ(topology->nodes[0].memory_bytes, 2000u);
  EXPECT_EQ(topology->nodes[0].scale_up.latency_ns, 300u);
  EXPECT_EQ(topology->nodes[2].scale_out.latency_ns, 600u);
}

TEST(MeasureMatMulFlopsTest, FollowsTheClock) {
  uint64_t now = 0;
  const uint64_t fast = MeasureMatMulFlops(1, 3, [&] { return now += 1000; });
  const uint64_t slow = MeasureMatMulFlops(1, 3, [&] { return now += 4000; });
  EXPECT_EQ(fast, 4 * slow);
}

}  // namespace
}  // namespace grouter
