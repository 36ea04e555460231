#include "routing/network/tensors/teacher.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/routing/network/memory_samples.h"
#include "tests/routing/network/naive_network.h"
#include "tests/routing/network/small_teacher.h"

namespace grouter {
namespace {

// Scores of the first MoE layer by plain loops.
Matrix NaiveScores(const SmallTeacher& model, const SampleTokens& sample) {
  const auto matrix = [&](const std::string& name) {
    return ToMatrix(model.Values(name), model.Shapes().at(name)[0]);
  };
  std::vector<size_t> begin, end;
  for (size_t t = 0; t < sample.tokens.size(); ++t) {
    const bool starts = std::find(sample.document_starts.begin(), sample.document_starts.end(), t) !=
                        sample.document_starts.end();
    begin.push_back(starts ? t : begin.back());
    end.push_back(t + 1);
  }
  Matrix x;
  for (const uint32_t token : sample.tokens) x.push_back(matrix("model.embed_tokens.weight")[token]);
  for (uint64_t n = 0;; ++n) {
    const std::string layer = absl::StrCat("model.layers.", n, ".");
    Matrix q, k, v;
    for (const Row& row : x) {
      const Row in = NaiveRmsNorm(row, model.Values(layer + "input_layernorm.weight"));
      q.push_back(Times(matrix(layer + "self_attn.q_proj.weight"), in));
      k.push_back(Times(matrix(layer + "self_attn.k_proj.weight"), in));
      v.push_back(Times(matrix(layer + "self_attn.v_proj.weight"), in));
    }
    if (model.head_norms) {
      for (auto [rows, name] :
           {std::make_pair(&q, "self_attn.q_norm.weight"), {&k, "self_attn.k_norm.weight"}}) {
        for (Row& row : *rows) {
          for (size_t h = 0; h < row.size(); h += model.head_size) {
            const Row normed = NaiveRmsNorm(Row(row.begin() + h, row.begin() + h + model.head_size),
                                            model.Values(layer + name));
            std::copy(normed.begin(), normed.end(), row.begin() + h);
          }
        }
      }
    }
    const Matrix attended = NaiveAttention(q, k, v, model.num_heads, model.num_kv_heads, 10000.0, begin, end);
    for (size_t t = 0; t < x.size(); ++t)
      AddTo(&x[t], Times(matrix(layer + "self_attn.o_proj.weight"), attended[t]));
    Matrix in;
    for (const Row& row : x)
      in.push_back(NaiveRmsNorm(row, model.Values(layer + "post_attention_layernorm.weight")));
    if (n == model.num_dense_layers) {
      Matrix scores;
      for (const Row& row : in) scores.push_back(Times(matrix(layer + "mlp.gate.weight"), row));
      return scores;
    }
    for (size_t t = 0; t < x.size(); ++t) {
      AddTo(&x[t], NaiveMlp(in[t], matrix(layer + "mlp.gate_proj.weight"),
                            matrix(layer + "mlp.up_proj.weight"), matrix(layer + "mlp.down_proj.weight")));
    }
  }
}

void ExpectScores(const SmallTeacher& model, const std::string& folder) {
  const auto teacher = Teacher::Load(folder);
  ASSERT_TRUE(teacher.ok()) << teacher.status();
  EXPECT_EQ((*teacher)->num_layers_loaded(), model.num_dense_layers + 1);
  Random random(1);
  const SampleTokens sample = RandomSample(&random, 20, model.vocab_size, 6);
  const at::Tensor scores =
      (*teacher)->Scores(MakeBatch({&sample, 1}, /*cross_document=*/false)).contiguous();
  const float* value = scores.data_ptr<float>();
  for (const Row& row : NaiveScores(model, sample)) {
    for (const double wanted : row) EXPECT_NEAR(*value++, wanted, 1e-4);
  }
}

TEST(Teacher, GivesTheScoresOfTheFirstLayer) {
  const SmallTeacher model;
  ExpectScores(model, model.Write("teacher_first"));
}

TEST(Teacher, UnderstandsGroupedHeadsHeadNormsAndDenseLayersBefore) {
  SmallTeacher model;
  model.num_kv_heads = 2;
  model.head_norms = true;
  model.num_layers = 4;
  model.num_dense_layers = 2;
  ExpectScores(model, model.Write("teacher_dense"));
}

TEST(Teacher, LoadsOnlyTheLayersItNeeds) {
  const SmallTeacher model;
  const std::string folder = model.Write("teacher_cut", [](const std::string& name) {
    return name.find("layers.1") == std::string::npos && name.find("lm_head") == std::string::npos;
  });
  ExpectScores(model, folder);
}

TEST(Teacher, ReadsACheckpointInParts) {
  const SmallTeacher model;
  const std::string folder =
      model.Write("teacher_parts", [](const std::string& n) { return n.find("embed") != 0; });
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(
      files.Rename(JoinPath(folder, "model.safetensors"), JoinPath(folder, "part-1.safetensors")).ok());
  nlohmann::json map;
  for (const auto& [name, shape] : model.Shapes()) map["weight_map"][name] = "part-1.safetensors";
  const std::string index = JoinPath(folder, "model.safetensors.index.json");
  ASSERT_TRUE(WriteFileAtomically(files, index, map.dump()).ok());
  ExpectScores(model, folder);
  map["weight_map"]["x"] = "../elsewhere.safetensors";
  ASSERT_TRUE(WriteFileAtomically(files, index, map.dump()).ok());
  EXPECT_EQ(Teacher::Load(folder).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Teacher, ErrorsNameTheFileAndWhatIsWrong) {
  EXPECT_EQ(Teacher::Load("/nowhere").status().code(), absl::StatusCode::kNotFound);
  const SmallTeacher model;
  const std::string dense = model.Write(
      "teacher_no_gate", [](const std::string& n) { return n.find("mlp.gate.weight") == std::string::npos; });
  EXPECT_EQ(Teacher::Load(dense).status().code(), absl::StatusCode::kNotFound);
  const std::string folder = model.Write("teacher_bad_config");
  nlohmann::json config = model.Config();
  config["hidden_size"] = 18;
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), JoinPath(folder, "config.json"), config.dump()).ok());
  const absl::Status status = Teacher::Load(folder).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("embed_tokens"), absl::string_view::npos) << status;
  config["num_experts_per_tok"] = 17;
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), JoinPath(folder, "config.json"), config.dump()).ok());
  EXPECT_EQ(Teacher::Load(folder).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
