#include "routing/table/packed/route_codec.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "routing/table/format.h"
#include "routing/table/packed/learn_codec.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::RandomRoutes;
using testing::RandomShape;
using testing::RandomTableOptions;

// Random routes, with random tokens when asked for.
class RandomSource : public RecordSource {
 public:
  RandomSource(const RandomTableOptions& o, bool with_tokens) : o_(o), with_tokens_(with_tokens) {
    o_.header.id_width = IdWidth(o_.header.num_experts);
    for (uint32_t length : o.lengths) num_tokens_ += length;
  }
  const TableHeader& header() const override { return o_.header; }
  uint64_t num_samples() const override { return o_.lengths.size(); }
  uint64_t num_tokens() const override { return num_tokens_; }
  absl::StatusOr<RouteView> Routes(uint64_t sample, uint32_t group) override {
    routes_ = std::make_unique<RouteBuffer>(RandomRoutes(o_, sample, group));
    return routes_->view();
  }
  absl::StatusOr<absl::Span<const uint32_t>> Tokens(uint64_t sample) override {
    if (!with_tokens_) return absl::Span<const uint32_t>();
    Random random(sample + 1);
    tokens_.resize(o_.lengths[sample]);
    for (uint32_t& token : tokens_) token = static_cast<uint32_t>(random.Uniform() * random.Uniform() * 40);
    return absl::Span<const uint32_t>(tokens_);
  }

 private:
  RandomTableOptions o_;
  const bool with_tokens_;
  uint64_t num_tokens_ = 0;
  std::unique_ptr<RouteBuffer> routes_;
  std::vector<uint32_t> tokens_;
};

std::shared_ptr<const RouteCodec> LearnAndReread(RandomSource* source, bool with_tokens, bool classes) {
  LearnOptions options;
  if (with_tokens) options.dataset_digest = Sha256("tokens");
  options.sample_classes = classes;
  const auto learned = LearnCodec(options, source);
  EXPECT_TRUE(learned.ok()) << learned.status();
  return RouteCodec::Decode(source->header(), (*learned)->Encode()).value();
}

// Canonical bytes of a view, as the builder lays them out.
std::string Plain(const RouteView& view, const TableHeader& h) {
  const RecordLayout layout = LayoutRecord(h, view.num_tokens, !view.missing.empty());
  std::string record(layout.payload_bytes, 0);
  const auto put = [&](uint64_t at, absl::string_view plane) {
    record.replace(at, plane.size(), plane.data(), plane.size());
  };
  put(0, view.ids);
  put(layout.weights, view.weights);
  put(layout.num_topk, view.num_topk);
  put(layout.missing, view.missing);
  for (uint32_t t = 0; t < view.num_topk.size(); ++t) {
    if (view.IsMissing(t)) record[layout.num_topk + t] = 0;
  }
  return record;
}

void ExpectAllComeBack(const RandomTableOptions& o, bool with_tokens, bool classes) {
  RandomSource source(o, with_tokens);
  LearnOptions options;
  if (with_tokens) options.dataset_digest = Sha256("tokens");
  options.sample_classes = classes;
  const auto learned = LearnCodec(options, &source);
  ASSERT_TRUE(learned.ok()) << learned.status();
  const auto codec = RouteCodec::Decode(source.header(), (*learned)->Encode());
  ASSERT_TRUE(codec.ok()) << codec.status();
  std::vector<RouteDecoder> decoders;
  for (LaneKernel kernel : LaneKernels()) decoders.emplace_back(*codec, kernel);
  for (uint64_t s = 0; s < o.lengths.size(); ++s) {
    for (uint32_t g = 0; g < o.header.num_layer_groups; ++g) {
      const RouteView view = source.Routes(s, g).value();
      const auto tokens = source.Tokens(s).value();
      const auto payload = (*learned)->EncodeRecord(g, tokens, view);
      ASSERT_TRUE(payload.ok()) << payload.status();
      ASSERT_EQ(payload->size() % 8, 0);
      ASSERT_TRUE(RouteDecoder::IsPlausible(view.num_tokens, payload->size()));
      const std::string plain = Plain(view, source.header());
      for (RouteDecoder& decoder : decoders) {
        std::string decoded(plain.size(), 'x');
        const absl::Status status =
            decoder.Decode(g, tokens, view.num_tokens, !view.missing.empty(), *payload, &decoded[0]);
        ASSERT_TRUE(status.ok()) << status;
        ASSERT_TRUE(decoded == plain) << "sample " << s << ", layer group " << g;
      }
    }
  }
}

TEST(RouteCodec, RoutesOfAnyShapeComeBackWithEveryKernel) {
  Random random(1);
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    RandomTableOptions o = RandomShape(&random);
    // Bitmaps as the builder stores them: none where nothing is missing.
    if (o.missing > 0 && o.missing < 0.5) o.missing = 0;
    o.sum_to_one = round % 3 == 0;
    ExpectAllComeBack(o, round % 2 == 0, round % 4 < 2);
  }
}

TEST(RouteCodec, FloatsThatSumToOneNeedANewerCodeThanOthers) {
  RandomTableOptions o;
  o.header.k = 4;
  o.header.weight_type = WeightType::kFloat32;
  o.lengths = {300, 5};
  for (bool sum_to_one : {false, true}) {
    o.sum_to_one = sum_to_one;
    ExpectAllComeBack(o, false, false);
    RandomSource source(o, false);
    const std::string section = LearnCodec({}, &source).value()->Encode();
    EXPECT_EQ(section[0], sum_to_one ? 2 : 1);
  }
}

RandomTableOptions TheFastShape() {
  RandomTableOptions o;
  o.header.num_experts = 128;
  o.header.k = 8;
  o.header.weight_type = WeightType::kBFloat16;
  o.lengths = {4096, 1024, 2000, 64, 5};
  return o;
}

TEST(RouteCodec, TheShapeOfTheFastPathsComesBack) {
  ExpectAllComeBack(TheFastShape(), true, false);
  ExpectAllComeBack(TheFastShape(), true, true);
  ExpectAllComeBack(TheFastShape(), false, false);
  RandomTableOptions missing = TheFastShape();
  missing.missing = 0.6;
  ExpectAllComeBack(missing, true, false);
}

TEST(RouteCodec, DamagedRecordsAreFoundOrDecodeToOtherRoutes) {
  Random random(3);
  RandomSource source(TheFastShape(), true);
  const auto codec = LearnAndReread(&source, true, false);
  LearnOptions options;
  options.dataset_digest = Sha256("tokens");
  const auto learned = LearnCodec(options, &source).value();
  const RouteView view = source.Routes(1, 0).value();
  const auto tokens = source.Tokens(1).value();
  const std::string payload = learned->EncodeRecord(0, tokens, view).value();
  const std::string plain = Plain(view, source.header());
  RouteDecoder decoder(codec);
  for (int round = 0; round < 400; ++round) {
    std::string bad = payload;
    if (round % 4 == 0) bad.resize(random.Below(bad.size()));
    if (!bad.empty())
      bad[random.Below(std::min<size_t>(bad.size(), round % 2 == 0 ? 12 : bad.size()))] ^=
          static_cast<char>(1 + random.Below(255));
    std::string decoded(plain.size(), 'x');
    const absl::Status status = decoder.Decode(0, tokens, 1024, false, bad, &decoded[0]);
    EXPECT_TRUE(status.ok() ? decoded != plain : status.code() == absl::StatusCode::kDataLoss) << status;
  }
}

TEST(RouteCodec, ADamagedCodecSectionIsRefusedOrAnotherCodec) {
  Random random(4);
  RandomTableOptions o;
  o.header.weight_type = WeightType::kBFloat16;
  o.lengths = {200};
  for (bool with_tokens : {false, true}) {
    RandomSource source(o, with_tokens);
    LearnOptions options;
    if (with_tokens) options.dataset_digest = Sha256("tokens");
    const std::string good = LearnCodec(options, &source).value()->Encode();
    for (size_t cut = 0; cut < good.size(); ++cut)
      EXPECT_FALSE(RouteCodec::Decode(source.header(), absl::string_view(good).substr(0, cut)).ok());
    for (int round = 0; round < 300; ++round) {
      std::string bad = good;
      bad[random.Below(bad.size())] ^= static_cast<char>(1 + random.Below(255));
      RouteCodec::Decode(source.header(), bad).status().IgnoreError();
    }
    std::string newer = good;
    newer[0] = 3;
    EXPECT_EQ(RouteCodec::Decode(source.header(), newer).status().code(), absl::StatusCode::kUnimplemented);
  }
}

TEST(SampleClasses, SortAListByClassAndKeepItsOrderInEach) {
  const std::vector<uint8_t> list = {3, 1, 0, 2, 7, 6, 5, 4};
  uint32_t sizes[kNumSampleClasses];
  SampleClassSizes(8, sizes);
  EXPECT_EQ(sizes[0] + sizes[1] + sizes[2] + sizes[3], 8);
  RandomTableOptions o;
  o.lengths = {50};
  const std::vector<double> share(8, 1);
  const std::vector<uint8_t> classes = SampleClasses(RandomRoutes(o, 0, 0).view(), share);
  std::vector<uint8_t> sorted(8);
  SortByClass(list.data(), classes, sorted.data());
  for (size_t i = 1; i < 8; ++i) {
    EXPECT_LE(classes[sorted[i - 1]], classes[sorted[i]]);
    if (classes[sorted[i - 1]] != classes[sorted[i]]) continue;
    EXPECT_LT(std::find(list.begin(), list.end(), sorted[i - 1]),
              std::find(list.begin(), list.end(), sorted[i]));
  }
}

}  // namespace
}  // namespace grouter
