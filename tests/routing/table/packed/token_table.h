// A small table whose routes follow from its tokens, with the tokens beside it.
#ifndef GROUTER_TESTS_ROUTING_TABLE_PACKED_TOKEN_TABLE_H_
#define GROUTER_TESTS_ROUTING_TABLE_PACKED_TOKEN_TABLE_H_

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/sample_index_builder.h"
#include "io/error.h"
#include "io/random.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/packed/packed_reader.h"
#include "routing/table/route_buffer.h"

namespace grouter {
namespace testing {

template <typename T>
T Good(absl::StatusOr<T> value) {
  if (!value.ok()) fprintf(stderr, "%s\n", value.status().ToString().c_str());
  GROUTER_CHECK(value.ok());
  return *std::move(value);
}

struct TokenTableOptions {
  TableHeader header;
  std::vector<uint32_t> lengths = {2048, 700, 1, 1500};
  uint32_t vocabulary = 50;
  uint64_t seed = 1;
  TokenTableOptions() {
    header.num_experts = 128;
    header.k = 8;
    header.weight_type = WeightType::kBFloat16;
  }
};

// Routes of one sample: the token's own experts, some noise, weights that descend and sum to one.
inline RouteBuffer TokenRoutes(const TokenTableOptions& o, const std::vector<uint32_t>& tokens,
                               Random* random) {
  const uint32_t experts = o.header.num_experts;
  RouteBuffer buffer(o.header, static_cast<uint32_t>(tokens.size()));
  std::vector<std::pair<float, uint32_t>> scores(experts);
  for (uint32_t t = 0; t < tokens.size(); ++t) {
    for (uint32_t e = 0; e < experts; ++e) {
      const double own = static_cast<double>(Mix64(tokens[t] * 65536 + e) >> 11) * 0x1p-53;
      scores[e] = {static_cast<float>(3 * own + random->Uniform()), e};
    }
    std::sort(scores.rbegin(), scores.rend());
    float sum = 0;
    for (uint32_t j = 0; j < o.header.k; ++j) sum += std::exp(scores[j].first);
    for (uint32_t j = 0; j < o.header.k; ++j) {
      buffer.SetId(t, j, scores[j].second);
      buffer.SetWeight(t, j, std::exp(scores[j].first) / sum);
    }
  }
  return buffer;
}

// Writes FOLDER/tokens.bin, .idx and the plain table FOLDER/plain; returns the tokens.
inline TokenFiles MakeTokenTable(const TokenTableOptions& o, const std::string& folder, FileSystem& files) {
  GROUTER_CHECK(files.MakeFolders(folder).ok());
  Random random(o.seed);
  IndexedDatasetWriter writer =
      Good(IndexedDatasetWriter::Create(files, folder + "/tokens", TokenType::kUint16));
  for (uint32_t length : o.lengths) {
    std::vector<uint32_t> ids(length);
    for (uint32_t& id : ids) id = static_cast<uint32_t>(random.Uniform() * random.Uniform() * o.vocabulary);
    GROUTER_CHECK(writer.AddSequence(ids).ok());
    writer.EndDocument();
  }
  GROUTER_CHECK(writer.Finish().ok());
  TokenFiles tokens;
  tokens.dataset = Good(IndexedDataset::Open(folder + "/tokens", files));
  SampleIndexOptions rules;
  rules.rules.packing = SampleIndexRules::Packing::kOneDocument;
  rules.rules.sequence_length = 4096;
  rules.splits = {{"train", 1}};
  tokens.index = Good(BuildSampleIndex(*tokens.dataset, nullptr, rules));
  TableBuilderOptions build;
  build.path = folder + "/plain";
  build.header = o.header;
  build.index = tokens.index;
  const auto builder = Good(TableBuilder::Create(build, files));
  SampleTokens sample;
  for (uint64_t s = 0; s < tokens.index->num_samples(); ++s) {
    GROUTER_CHECK(ReadSampleTokens(*tokens.dataset, *tokens.index, s, &sample).ok());
    std::vector<RouteBuffer> buffers;
    std::vector<RouteView> views;
    for (uint32_t g = 0; g < o.header.num_layer_groups; ++g)
      buffers.push_back(TokenRoutes(o, sample.tokens, &random));
    for (const RouteBuffer& buffer : buffers) views.push_back(buffer.view());
    GROUTER_CHECK(builder->AddSample(views).ok());
  }
  Good(builder->Finish());
  Good(FinishTable(build.path, {}, files));
  return tokens;
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_TABLE_PACKED_TOKEN_TABLE_H_
