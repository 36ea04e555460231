#include "routing/planning/job.h"

#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(JobTest, DecodesWhatItEncodes) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const JobDraft draft = testing::RandomDraft(seed);
    const auto decoded = JobDraft::Decode(draft.Encode());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->Encode(), draft.Encode());
    EXPECT_EQ(decoded->digest(), draft.digest());
    JobSpec spec{draft, Sha256("schedule")};
    const auto decoded_spec = JobSpec::Decode(spec.Encode());
    ASSERT_TRUE(decoded_spec.ok()) << decoded_spec.status();
    EXPECT_EQ(decoded_spec->digest(), spec.digest());
  }
}

TEST(JobTest, EveryCutAndEveryExtensionOfAnEncodingIsRefused) {
  const std::string bytes = testing::RandomDraft(1).Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(JobDraft::Decode(absl::string_view(bytes).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(JobDraft::Decode(bytes + '\0').ok());
}

TEST(JobTest, WhatDecodesEncodesToTheSameBytes) {
  const std::string bytes = testing::RandomDraft(2).Encode();
  Random random(7);
  int decoded_ones = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
    const auto draft = JobDraft::Decode(damaged);
    if (!draft.ok()) continue;
    ++decoded_ones;
    EXPECT_EQ(draft->Encode(), damaged);
  }
  EXPECT_GT(decoded_ones, 0);
}

TEST(JobTest, EveryFieldChangesTheDigest) {
  const JobDraft base = testing::RandomDraft(3);
  std::vector<JobDraft> variants(26, base);
  size_t v = 0;
  variants[v++].planner_version += 1;
  variants[v++].tables[0].table.bytes[0] ^= 1;
  variants[v++].tables[0].sample_index.bytes[0] ^= 1;
  variants[v++].tables[0].split += "x";
  variants[v++].tables[0].weight += 1;
  variants[v++].topology.nodes[0].num_ranks += 1;
  variants[v++].topology.nodes[0].scale_up.latency_ns += 1;
  variants[v++].topology.nodes[0].scale_out.bytes_per_second += 1;
  variants[v++].topology.nodes[0].memory_bytes += 1;
  variants[v++].ep_size += 1;
  variants[v++].batch.samples_per_step += 1;
  variants[v++].batch.num_micro_batches += 1;
  variants[v++].batch.num_chunks += 1;
  variants[v++].batch.num_steps += 1;
  variants[v++].seed += 1;
  variants[v++].model.layer_group_of_layer.push_back(0);
  variants[v++].model.hidden_size += 1;
  variants[v++].model.activation_bytes += 1;
  variants[v++].model.expert_weight_bytes += 1;
  variants[v++].model.row_alignment += 1;
  variants[v++].model.recompute_experts ^= true;
  variants[v++].model.num_slots_per_rank += 1;
  variants[v++].model.num_resident_experts += 1;
  variants[v++].allow_noncausal ^= true;
  variants[v++].allow_unverified_tokens ^= true;
  variants[v++].continues = Continues{Sha256("other"), 12345};
  ASSERT_EQ(v, variants.size());
  for (size_t i = 0; i < variants.size(); ++i) EXPECT_NE(variants[i].digest(), base.digest()) << i;
}

TEST(JobTest, ABatchCompositionIsInTheDigestAndItsAbsenceLeavesTheOldEncoding) {
  JobDraft plain = testing::RandomDraft(3);
  plain.batch.composition.reset();
  EXPECT_EQ(plain.Encode()[4], 1);  // the version that jobs had before there was composition
  JobDraft composed = plain;
  composed.batch.composition = BatchComposition{12, 4, 1, 100};
  EXPECT_EQ(composed.Encode()[4], 2);
  std::vector<JobDraft> variants(5, composed);
  variants[1].batch.composition->window_samples += 4;
  variants[2].batch.composition->batch_samples += 2;
  variants[3].batch.composition->domain_slack += 1;
  variants[4].batch.composition->iterations += 1;
  std::set<Digest> digests = {plain.digest()};
  for (const JobDraft& draft : variants) {
    EXPECT_TRUE(digests.insert(draft.digest()).second);
    EXPECT_EQ(JobDraft::Decode(draft.Encode())->digest(), draft.digest());
    EXPECT_EQ(JobDraft::FromJson(draft.ToJson(), "here")->digest(), draft.digest());
  }
}

TEST(JobTest, RefusesAWindowThatDoesNotHoldWholeBatches) {
  JobDraft draft = testing::RandomDraft(4);
  for (const BatchComposition bad :
       {BatchComposition{0, 4, 1, 1}, BatchComposition{10, 4, 1, 1}, BatchComposition{4, 0, 1, 1},
        BatchComposition{1u << 20, 4, 1, 1}, BatchComposition{8, 4, 1, uint64_t{1} << 40}}) {
    draft.batch.composition = bad;
    EXPECT_EQ(draft.Validate().code(), absl::StatusCode::kInvalidArgument);
  }
  draft.batch.composition = BatchComposition{8, 4, 1, 1};
  EXPECT_TRUE(draft.Validate().ok());
}

TEST(JobTest, ListsAllProblemsAtOnceWithAFixEach) {
  JobDraft draft;
  const absl::Status status = draft.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  for (const char* word :
       {"tables", "nodes", "ep_size", "samples_per_step", "layer_group_of_layer", "hidden"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in " << text;
  }
}

TEST(JobTest, RefusesAWorldThatIsNoMultipleOfTheGroup) {
  JobDraft draft = testing::RandomDraft(4);
  ASSERT_TRUE(draft.Validate().ok()) << draft.Validate();
  draft.topology = Topology::Uniform(1, 5);
  draft.ep_size = 3;
  EXPECT_EQ(draft.Validate().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JobTest, RanksHaveTheSlotsThatTheJobNamesOrAsFewAsHoldAllExperts) {
  JobDraft draft;
  draft.ep_size = 3;
  EXPECT_EQ(draft.SlotsOfRanks(8), (std::vector<uint32_t>{3, 3, 2}));
  EXPECT_EQ(draft.SlotsOfRanks(2), (std::vector<uint32_t>{1, 1, 0}));
  draft.model.num_slots_per_rank = 4;
  EXPECT_EQ(draft.SlotsOfRanks(8), (std::vector<uint32_t>{4, 4, 4}));
}

}  // namespace
}  // namespace grouter
