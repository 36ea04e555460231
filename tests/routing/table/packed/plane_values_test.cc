#include "routing/table/packed/plane_values.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

struct Planes {
  uint64_t num_tokens;
  std::vector<PlaneCode> codes;
  std::vector<uint16_t> values;
};

// Some values in each plane are far out, so that they are listed.
Planes RandomPlanes(uint64_t tokens, uint32_t planes, Random* random) {
  Planes p{tokens, {}, {}};
  for (uint32_t i = 0; i < planes; ++i) {
    std::vector<uint32_t> histogram(65536);
    const uint32_t spread = 1 + static_cast<uint32_t>(random->Below(3000));
    for (uint64_t t = 0; t < tokens; ++t) {
      const bool far = random->Below(200) == 0;
      p.values.push_back(far ? static_cast<uint16_t>(random->Next())
                             : static_cast<uint16_t>(500 + random->Uniform() * random->Uniform() * spread));
      ++histogram[p.values.back()];
    }
    p.codes.push_back(FitPlaneCode(histogram, 0));
  }
  return p;
}

bool Decode(const Planes& p, const CodedPlanes& coded, LaneKernel kernel, std::vector<uint16_t>* values) {
  const PlaneTables tables(p.codes);
  const std::string memory = coded.stream + coded.low + coded.listed;
  const absl::string_view view(memory);
  PlaneReader reader(tables, view.substr(0, coded.stream.size()), view,
                     view.substr(coded.stream.size(), coded.low.size()),
                     view.substr(coded.stream.size() + coded.low.size()), p.num_tokens);
  values->assign(p.values.size(), 0);
  std::vector<uint16_t> run(kRunTokens);
  for (uint64_t begin = 0; begin < p.num_tokens; begin += kRunTokens) {
    const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(kRunTokens, p.num_tokens - begin));
    reader.ReadRun(count, kernel, nullptr);
    for (uint32_t i = 0; i < p.codes.size(); ++i) {
      reader.Values(i, kernel, run.data());
      std::copy_n(run.begin(), count, values->begin() + static_cast<int64_t>(i * p.num_tokens + begin));
    }
  }
  return reader.EndsWell();
}

TEST(PlaneValues, ComeBackForAnyLengthWithEveryKernel) {
  Random random(1);
  for (uint64_t tokens : {1, 63, 64, 65, 300, 1024, 1088, 3000, 4096}) {
    const Planes p = RandomPlanes(tokens, 1 + static_cast<uint32_t>(random.Below(9)), &random);
    const CodedPlanes coded = EncodePlanes(p.codes, p.values, tokens);
    EXPECT_EQ(coded.low.size(), LowBytes(p.codes, tokens));
    std::vector<uint16_t> values;
    for (LaneKernel kernel : LaneKernels()) {
      EXPECT_TRUE(Decode(p, coded, kernel, &values));
      EXPECT_EQ(values, p.values) << tokens << " " << static_cast<int>(kernel);
    }
  }
}

TEST(PlaneValues, AreThoseOfSymbolsAndLowBitsAndTheListOfASkippedRun) {
  Random random(2);
  const uint32_t tokens = 6 * kRunTokens;
  const Planes p = RandomPlanes(tokens, 3, &random);
  const CodedPlanes coded = EncodePlanes(p.codes, p.values, tokens);
  ASSERT_FALSE(coded.listed.empty());
  const PlaneTables tables(p.codes);
  PlaneReader reader(tables, coded.stream, coded.stream, coded.low, coded.listed, tokens);
  for (uint32_t begin = 0; begin < tokens; begin += kRunTokens) {
    std::vector<uint32_t> asked;
    reader.ReadRun(kRunTokens, BestLaneKernel(), nullptr, [&](uint32_t plane) { asked.push_back(plane); });
    EXPECT_EQ(asked, (std::vector<uint32_t>{0, 1, 2}));
    std::vector<std::vector<uint16_t>> values(3);
    for (uint32_t i = 0; i < 3; ++i) {
      for (uint32_t t = 0; t < kRunTokens; ++t)
        values[i].push_back(p.codes[i].ValueAt(reader.symbols(i), reader.low(i), t));
    }
    for (const ListedValue& one : reader.SkipRun()) values[one.plane][one.token] = one.value;
    for (uint32_t i = 0; i < 3; ++i)
      EXPECT_TRUE(std::equal(values[i].begin(), values[i].end(), &p.values[i * tokens + begin]));
  }
  EXPECT_TRUE(reader.EndsWell());
}

TEST(PlaneValues, DamageIsNoticedAtTheEndOrGivesOtherValues) {
  Random random(2);
  const Planes p = RandomPlanes(6000, 3, &random);
  const CodedPlanes good = EncodePlanes(p.codes, p.values, 6000);
  ASSERT_FALSE(good.listed.empty());
  int noticed = 0;
  for (int round = 0; round < 300; ++round) {
    CodedPlanes bad = good;
    std::string& part = round % 2 == 0 ? bad.listed : bad.stream;
    if (round % 3 == 0) {
      part.resize(random.Below(part.size()));
    } else {
      part[random.Below(part.size())] ^= static_cast<char>(1 + random.Below(255));
    }
    std::vector<uint16_t> values;
    noticed += !Decode(p, bad, BestLaneKernel(), &values) || values != p.values;
  }
  // A lost entry of the list may name a value that its escape would give too.
  EXPECT_GT(noticed, 250);
}

}  // namespace
}  // namespace grouter
