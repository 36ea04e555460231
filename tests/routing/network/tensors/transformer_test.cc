#include "routing/network/tensors/transformer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "io/random.h"
#include "tests/routing/network/naive_network.h"

namespace grouter {
namespace {

std::vector<float> RandomValues(Random* random, size_t count) {
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(2 * random->Uniform() - 1);
  return values;
}

at::Tensor ToTensor(const std::vector<float>& values, std::vector<int64_t> shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

void ExpectNear(const at::Tensor& actual, const Matrix& wanted) {
  ASSERT_EQ(actual.size(0), static_cast<int64_t>(wanted.size()));
  const at::Tensor rows = actual.contiguous();
  const float* value = rows.data_ptr<float>();
  for (const Row& row : wanted) {
    for (const double w : row) EXPECT_NEAR(*value++, w, 2e-5);
  }
}

SampleTokens Sample(std::vector<uint32_t> tokens, std::vector<uint32_t> starts) {
  SampleTokens sample;
  sample.tokens = std::move(tokens);
  sample.document_starts = std::move(starts);
  return sample;
}

TEST(MakeBatch, PositionsRestartWithEachSpan) {
  const std::vector<SampleTokens> samples = {Sample({5, 6, 7}, {0, 1}), Sample({8, 9}, {0})};
  const TokenBatch by_document = MakeBatch(samples, /*cross_document=*/false);
  EXPECT_EQ(by_document.span_lengths, (std::vector<int64_t>{1, 2, 2}));
  const float* positions = by_document.positions.data_ptr<float>();
  EXPECT_EQ(std::vector<float>(positions, positions + 5), (std::vector<float>{0, 0, 1, 0, 1}));
  const int64_t* ids = by_document.ids.data_ptr<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(ids, ids + 5), (std::vector<int64_t>{5, 6, 7, 8, 9}));
  EXPECT_EQ(MakeBatch(samples, /*cross_document=*/true).span_lengths, (std::vector<int64_t>{3, 2}));
}

struct AttentionCase {
  std::vector<int64_t> spans;
  bool causal;
  int64_t heads, kv_heads;
};

TEST(AddAttention, EqualsPlainLoopsForSpansOfAnyLengthCausalOrNot) {
  Random random(1);
  for (const AttentionCase& c :
       {AttentionCase{{7}, true, 2, 2}, AttentionCase{{7}, false, 2, 2}, AttentionCase{{3, 3, 3}, true, 1, 1},
        AttentionCase{{1, 4, 4, 2}, true, 4, 2}, AttentionCase{{5, 2}, false, 4, 1}}) {
    const int64_t size = 4, hidden = 6;
    AttentionRule rule;
    rule.num_heads = c.heads;
    rule.num_kv_heads = c.kv_heads;
    rule.head_size = size;
    rule.causal = c.causal;
    int64_t tokens = 0;
    std::vector<float> positions;
    std::vector<size_t> begin, end;
    for (const int64_t length : c.spans) {
      for (int64_t i = 0; i < length; ++i) {
        positions.push_back(static_cast<float>(i));
        begin.push_back(tokens);
        end.push_back(c.causal ? tokens + i + 1 : tokens + length);
      }
      tokens += length;
    }
    const auto x = RandomValues(&random, tokens * hidden);
    const auto norm = RandomValues(&random, hidden);
    const auto q = RandomValues(&random, c.heads * size * hidden);
    const auto k = RandomValues(&random, c.kv_heads * size * hidden);
    const auto v = RandomValues(&random, c.kv_heads * size * hidden);
    const auto o = RandomValues(&random, hidden * c.heads * size);
    AttentionWeights weights;
    weights.norm = ToTensor(norm, {hidden});
    weights.q = ToTensor(q, {c.heads * size, hidden});
    weights.k = ToTensor(k, {c.kv_heads * size, hidden});
    weights.v = ToTensor(v, {c.kv_heads * size, hidden});
    weights.o = ToTensor(o, {hidden, c.heads * size});
    const at::Tensor out = AddAttention(ToTensor(x, {tokens, hidden}), weights, rule,
                                        MakeRotation(ToTensor(positions, {tokens}), size, 1e4), c.spans);

    Matrix wanted = ToMatrix(x, tokens);
    Matrix nq, nk, nv;
    for (const Row& row : wanted) {
      const Row in = NaiveRmsNorm(row, norm);
      nq.push_back(Times(ToMatrix(q, c.heads * size), in));
      nk.push_back(Times(ToMatrix(k, c.kv_heads * size), in));
      nv.push_back(Times(ToMatrix(v, c.kv_heads * size), in));
    }
    const Matrix attended = NaiveAttention(nq, nk, nv, c.heads, c.kv_heads, 1e4, begin, end);
    for (int64_t t = 0; t < tokens; ++t) AddTo(&wanted[t], Times(ToMatrix(o, hidden), attended[t]));
    ExpectNear(out, wanted);
  }
}

TEST(AddMlp, EqualsPlainLoops) {
  Random random(2);
  const auto x = RandomValues(&random, 5 * 6), norm = RandomValues(&random, 6);
  const auto gate = RandomValues(&random, 9 * 6), up = RandomValues(&random, 9 * 6),
             down = RandomValues(&random, 54);
  MlpWeights weights;
  weights.norm = ToTensor(norm, {6});
  weights.gate = ToTensor(gate, {9, 6});
  weights.up = ToTensor(up, {9, 6});
  weights.down = ToTensor(down, {6, 9});
  Matrix wanted = ToMatrix(x, 5);
  for (Row& row : wanted) {
    AddTo(&row, NaiveMlp(NaiveRmsNorm(row, norm), ToMatrix(gate, 9), ToMatrix(up, 9), ToMatrix(down, 6)));
  }
  ExpectNear(AddMlp(ToTensor(x, {5, 6}), weights, 1e-6), wanted);
}

TEST(UseThreads, PutsTheNumberBackThatWasThereBefore) {
  at::set_num_threads(2);
  {
    const UseThreads three(3);
    EXPECT_EQ(at::get_num_threads(), 3);
  }
  EXPECT_EQ(at::get_num_threads(), 2);
}

}  // namespace
}  // namespace grouter
