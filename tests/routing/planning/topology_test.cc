#include "routing/planning/topology.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

Topology Uneven() {
  Topology topology = Topology::Uniform(3, 2);
  topology.nodes[0].num_ranks = 1;
  topology.nodes[2].num_ranks = 5;
  topology.nodes[1].memory_bytes = 1ull << 36;
  return topology;
}

TEST(TopologyTest, NumbersRanksOverUnevenNodes) {
  const Topology topology = Uneven();
  EXPECT_EQ(topology.world_size(), 8u);
  const uint32_t nodes[] = {0, 1, 1, 2, 2, 2, 2, 2};
  for (uint32_t rank = 0; rank < 8; ++rank) EXPECT_EQ(topology.NodeOf(rank), nodes[rank]);
  EXPECT_EQ(topology.FirstRank(2), 3u);
}

TEST(TopologyTest, ReadsWhatItWrites) {
  const Topology topology = Uneven();
  const auto read = Topology::FromJson(topology.ToJson(), "topology.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), topology.ToJson());
  EXPECT_EQ(read->nodes[1].memory_bytes, 1ull << 36);
}

TEST(TopologyTest, ListsAllProblemsAtOnce) {
  Topology topology = Uneven();
  topology.nodes[0].num_ranks = 0;
  topology.nodes[1].scale_up.bytes_per_second = 0;
  topology.nodes[2].scale_out.bytes_per_second = 0;
  topology.nodes[2].flops_per_second = 0;
  const std::string text(topology.Validate().message());
  for (const char* part :
       {"nodes[0]", "nodes[1].scale_up", "nodes[2].scale_out", "nodes[2].flops_per_second"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_FALSE(Topology().Validate().ok());
}

TEST(TopologyTest, RefusesUnknownFields) {
  const auto read = Topology::FromJson(R"({"nodes": [{"num_ranks": 1, "gpus": 8}]})", "topology.json");
  EXPECT_NE(std::string(read.status().message()).find("nodes[0].gpus"), std::string::npos) << read.status();
}

}  // namespace
}  // namespace grouter
