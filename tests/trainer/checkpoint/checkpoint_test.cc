#include "trainer/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include "io/error.h"
#include "io/safetensors.h"
#include "tests/testing/training/ranks.h"
#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace {

// One rank's parameters with values that name themselves.
struct Holder {
  Holder(const ModelConfig& config, uint32_t ep_rank, uint32_t ep_size, float offset) : config(config) {
    placement = LayerPlacement::Contiguous(config.num_experts, ep_size);
    ExpertStoreOptions options;
    options.shape = config.expert_shape();
    options.num_layers = config.num_hidden_layers;
    options.num_slots = placement.num_slots(ep_rank);
    experts = ExpertStore::Create(options).value();
    dense = std::make_unique<DenseParameters>(DenseParameters::Create(this->config).value());
    for (uint64_t i = 0; i < dense->size(); ++i) {
      dense->weights()[i] = static_cast<float>(i) + offset;
      dense->means()[i] = static_cast<float>(i) + 0.25f + offset;
      dense->variances()[i] = static_cast<float>(i) + 0.5f + offset;
    }
    for (uint32_t l = 0; l < options.num_layers; ++l) {
      for (uint32_t s = 0; s < options.num_slots; ++s) {
        const uint32_t e = placement.ExpertAt({ep_rank, s});
        const ExpertPage page = *experts->Acquire({l, s});
        for (uint64_t i = 0; i < options.shape.size(); ++i) {
          page.weights[i] = static_cast<float>(1000 * (l * 10 + e) + i) + offset;
          page.means[i] = page.weights[i] + 0.25f;
          page.variances[i] = page.weights[i] + 0.5f;
        }
      }
    }
    model = {&this->config, dense.get(), experts.get(), {}, ep_rank};
    model.placement_of_layer.assign(options.num_layers, &placement);
  }
  ModelConfig config;
  LayerPlacement placement;
  std::unique_ptr<ExpertStore> experts;
  std::unique_ptr<DenseParameters> dense;
  TrainedModel model;
};

std::string Folder(const char* name) {
  const std::string folder = JoinPath(::testing::TempDir(), name);
  EXPECT_TRUE(FileSystem::Local().RemoveTree(folder).ok());
  EXPECT_TRUE(FileSystem::Local().MakeFolders(folder).ok());
  return folder;
}

TEST(Checkpoint, AnyWorldReadsWhatAnyOtherWrote) {
  const ModelConfig config = testing::SmallModelConfig();
  const std::string folder = Folder("worlds");
  TrainingState state;
  state.next_step = 12;
  state.job_digest = "ab";
  testing::SpawnRanks(3, [&](Collectives& world) {
    Holder holder(config, world.rank(), 3, 0);
    const auto path = SaveCheckpoint(folder, holder.model, state, world);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(*path, folder + "/step_12");
  });
  for (uint32_t size : {1u, 2u}) {
    for (uint32_t rank = 0; rank < size; ++rank) {
      Holder expected(config, rank, size, 0), loaded(config, rank, size, -7);
      const auto back = LoadCheckpoint(LatestCheckpoint(folder).value(), loaded.model);
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(back->next_step, 12u);
      for (uint64_t i = 0; i < expected.dense->size(); ++i) {
        ASSERT_EQ(loaded.dense->weights()[i], expected.dense->weights()[i]);
        ASSERT_EQ(loaded.dense->variances()[i], expected.dense->variances()[i]);
      }
      for (uint32_t s = 0; s < expected.placement.num_slots(rank); ++s) {
        const ExpertPage a = *expected.experts->Acquire({1, s}), b = *loaded.experts->Acquire({1, s});
        for (uint64_t i = 0; i < config.expert_shape().size(); ++i) {
          ASSERT_EQ(a.weights[i], b.weights[i]);
          ASSERT_EQ(a.means[i], b.means[i]);
        }
      }
    }
  }
}

TEST(Checkpoint, NamesAndShapesAreHuggingFaces) {
  const ModelConfig config = testing::SmallModelConfig();
  const std::string folder = Folder("names");
  testing::SpawnRanks(1, [&](Collectives& world) {
    Holder holder(config, 0, 1, 0);
    ASSERT_TRUE(SaveCheckpoint(folder, holder.model, {}, world).ok());
  });
  const auto file = SafetensorsFile::Open(folder + "/step_0/model.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->tensors().size(), 3u + 2 * (7 + 3 * 5));
  EXPECT_TRUE((*file)->Get("model.layers.1.mlp.gate.weight", {5, 16}).ok());
  EXPECT_TRUE((*file)->Get("model.layers.1.mlp.experts.4.up_proj.weight", {12, 16}).ok());
  EXPECT_TRUE((*file)->Get("model.layers.0.mlp.experts.0.down_proj.weight", {16, 12}).ok());
  EXPECT_TRUE((*file)->Get("model.layers.0.self_attn.k_proj.weight", {16, 16}).ok());
  const auto json = FileSystem::Local().ReadFile(folder + "/step_0/config.json");
  EXPECT_TRUE(ModelConfig::FromJson(*json, "config.json").ok());
}

TEST(Checkpoint, AFailureOfRankZeroIsEveryRanksAndLeavesNothing) {
  const ModelConfig config = testing::SmallModelConfig();
  const std::string file = JoinPath(::testing::TempDir(), "a_file");
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), file, "x").ok());
  testing::SpawnRanks(2, [&](Collectives& world) {
    Holder holder(config, world.rank(), 2, 0);
    const auto path = SaveCheckpoint(file, holder.model, {}, world);  // a file where a folder must be
    EXPECT_FALSE(path.ok());
    EXPECT_TRUE(world.Barrier().ok());  // the group is still in step
  });
}

TEST(Checkpoint, AnotherModelsIsRefusedNamingTheTensor) {
  ModelConfig config = testing::SmallModelConfig();
  const std::string folder = Folder("other");
  testing::SpawnRanks(1, [&](Collectives& world) {
    Holder holder(config, 0, 1, 0);
    ASSERT_TRUE(SaveCheckpoint(folder, holder.model, {}, world).ok());
  });
  config.vocab_size += 1;
  Holder other(config, 0, 1, 0);
  const absl::Status status = LoadCheckpoint(folder + "/step_0", other.model).status();
  ASSERT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find("lm_head"), std::string::npos) << status;
}

TEST(LatestCheckpoint, IsTheOneWithTheMostSteps) {
  const std::string folder = Folder("latest");
  EXPECT_TRUE(absl::IsNotFound(LatestCheckpoint(folder).status()));
  EXPECT_TRUE(absl::IsNotFound(LatestCheckpoint(folder + "/none").status()));
  for (const char* name : {"step_9", "step_10", "step_11.tmp", "other"}) {
    ASSERT_TRUE(FileSystem::Local().MakeFolders(JoinPath(folder, name)).ok());
  }
  EXPECT_EQ(LatestCheckpoint(folder).value(), folder + "/step_10");
}

}  // namespace
}  // namespace grouter
