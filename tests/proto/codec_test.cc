#include "proto/codec.h"

#include "gtest/gtest.h"
#include "proto/status.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

JobSpec RandomSpec(uint64_t seed) {
  JobSpec spec;
  spec.draft = testing::RandomDraft(seed);
  spec.schedule = Sha256("schedule");
  return spec;
}

TEST(CodecTest, EveryFieldOfAJobSurvivesTheWire) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const JobSpec spec = RandomSpec(seed);
    const auto back = FromWire(ToWire(spec), "spec");
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->Encode(), spec.Encode());
    EXPECT_EQ(back->digest(), spec.digest());
  }
}

TEST(CodecTest, AllWrongFieldsAreNamedAtOnce) {
  v1::JobSpec wire = ToWire(RandomSpec(1));
  wire.set_schedule_digest("not hexadecimal");
  wire.mutable_draft()->mutable_tables(0)->set_weight(0);
  wire.mutable_draft()->set_protocol(v1::DISPATCH_PROTOCOL_UNSPECIFIED);
  const auto back = FromWire(wire, "spec");
  ASSERT_EQ(back.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(back.status().message());
  EXPECT_NE(message.find("spec.schedule_digest"), std::string::npos);
  EXPECT_NE(message.find("spec.draft.tables[0].weight"), std::string::npos);
  EXPECT_NE(message.find("spec.draft.protocol"), std::string::npos);
}

TEST(CodecTest, UnknownFieldsAtAnyDepthAreRefused) {
  v1::JobSpec wire = ToWire(RandomSpec(2));
  EXPECT_TRUE(RefuseUnknownFields(wire, "spec").ok());
  auto* node = wire.mutable_draft()->mutable_topology()->mutable_nodes(0);
  node->GetReflection()->MutableUnknownFields(node)->AddVarint(999, 1);
  const absl::Status status = RefuseUnknownFields(wire, "spec");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("spec.draft.topology.nodes[0]"), std::string::npos);
}

TEST(CodecTest, PlacementEpochsSurviveTheWire) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    PlacementEpoch epoch = job.schedule->epochs[0];
    epoch.first_step = seed;
    epoch.moves.push_back({0, 1, {0, 0}, {0, 1}});
    const v1::PlacementEpoch wire = ToWire(epoch, 4, seed % 2 == 0 ? 0 : seed + 9);
    EXPECT_EQ(wire.index(), 4u);
    EXPECT_EQ(wire.has_end_step(), seed % 2 != 0);
    const auto back = FromWire(wire);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->placement, epoch.placement);
    EXPECT_EQ(back->first_step, epoch.first_step);
    ASSERT_EQ(back->moves.size(), epoch.moves.size());
    EXPECT_EQ(back->moves.back().to, epoch.moves.back().to);
  }
}

TEST(CodecTest, APlacementThatIsNoneIsRefused) {
  v1::PlacementEpoch wire;
  v1::LayerPlacement* layer = wire.add_layer_groups();
  layer->set_num_experts(3);
  layer->add_ranks()->add_experts(0);
  EXPECT_EQ(FromWire(wire).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CodecTest, TablesAreDescribedWithZerosShown) {
  const testing::SmallJob job = testing::RandomJob(3);
  const v1::TableInfo info = ToWire(*job.tables[0]);
  EXPECT_EQ(info.digest(), job.tables[0]->content_digest().Hex());
  EXPECT_TRUE(info.has_cross_document());
  EXPECT_EQ(info.num_samples(), job.tables[0]->num_samples());
  EXPECT_EQ(info.splits_size(), static_cast<int>(job.tables[0]->header().splits.size()));
}

TEST(CodecTest, DigestsAreHexadecimalAndUnknownOnesEmpty) {
  const Digest digest = Sha256("x");
  EXPECT_EQ(*DigestFromWire(DigestToWire(digest), "d"), digest);
  EXPECT_EQ(DigestToWire(Digest()), "");
  EXPECT_EQ(DigestFromWire("12", "job_digest").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
