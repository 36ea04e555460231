#include "routing/table/packed/rewrite_shard.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "io/error.h"
#include "routing/table/format.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::MemoryFiles;
using testing::RandomTableOptions;

class TestMaker : public RecordMaker {
 public:
  using Payload = std::function<std::string(uint64_t sample, uint32_t group)>;
  using Leaf = std::function<absl::StatusOr<Digest>(uint64_t sample)>;
  TestMaker(Payload payload, Leaf leaf) : payload_(std::move(payload)), leaf_(std::move(leaf)) {}
  absl::StatusOr<Digest> Make(uint64_t sample, std::vector<std::string>* payloads) override {
    for (uint32_t g = 0; g < payloads->size(); ++g) (*payloads)[g] = payload_(sample, g);
    return leaf_(sample);
  }

 private:
  const Payload payload_;
  const Leaf leaf_;
};

struct Fixture {
  MemoryFiles files;
  std::string path;
  std::shared_ptr<const Shard> shard;
  ShardRewrite same;
  TestMaker::Payload payload;
  TestMaker::Leaf leaf;

  Fixture() {
    RandomTableOptions o;
    o.header.num_layer_groups = 2;
    o.header.weight_type = WeightType::kFloat16;
    o.lengths = {30, 0, 7, 3, 90, 1, 1, 12};
    o.missing = 0.3;
    MakeRandomTable(o, "t", files);
    path = "t/" + ShardName(0, 8);
    shard = Shard::Open(path, files).value();
    same.tier = TableTier::kPlain;
    same.identity = std::string(shard->identity());
    payload = [this](uint64_t sample, uint32_t group) {
      return std::string(shard->record(sample, group)->payload);
    };
    leaf = [this](uint64_t sample) -> absl::StatusOr<Digest> { return shard->leaf(sample); };
    same.maker = [this]() -> absl::StatusOr<std::unique_ptr<RecordMaker>> {
      return std::make_unique<TestMaker>(payload, leaf);
    };
  }
};

TEST(RewriteShard, TheSamePayloadsGiveTheSameFileAsTheBuilderFromAnyNumberOfThreads) {
  for (uint32_t threads : {0, 1, 2, 3, 20}) {
    Fixture f;
    f.same.num_threads = threads;
    std::vector<uint64_t> done;
    f.same.progress = [&](uint64_t samples) { done.push_back(samples); };
    ASSERT_TRUE(RewriteShard(*f.shard, f.same, "copy", f.files).ok());
    EXPECT_TRUE(f.files.Get("copy") == f.files.Get(f.path));
    EXPECT_EQ(done, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  }
}

TEST(RewriteShard, APackedShardHasItsCodecAndItsOwnRecords) {
  Fixture f;
  ShardRewrite rewrite = f.same;
  rewrite.tier = TableTier::kPacked;
  rewrite.codec = "the code";
  f.payload = [](uint64_t sample, uint32_t group) {
    return std::string("0123456789abcdef", sample == 1 ? 0 : 8 + 8 * group);
  };
  ASSERT_TRUE(RewriteShard(*f.shard, rewrite, "packed", f.files).ok());
  const auto packed = Shard::Open("packed", f.files);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ((*packed)->SectionBytes(SectionKind::kCodec), "the code");
  for (uint64_t s = 0; s < 8; ++s) {
    for (uint32_t g = 0; g < 2; ++g) {
      const auto record = (*packed)->record(s, g);
      ASSERT_TRUE(record.ok()) << record.status();
      EXPECT_EQ(record->payload, f.payload(s, g));
      EXPECT_EQ(record->has_missing, f.shard->record(s, g)->has_missing);
      EXPECT_TRUE((*packed)->CheckRecord(s, g, *record).ok());
    }
  }
}

TEST(RewriteShard, TheFirstSamplesErrorLeavesNoFile) {
  for (uint32_t threads : {1, 3}) {
    Fixture f;
    f.same.num_threads = threads;
    f.leaf = [&](uint64_t sample) -> absl::StatusOr<Digest> {
      if (sample < 4) return f.shard->leaf(sample);
      return absl::DataLossError(sample == 4 ? "not the routes" : "a later sample");
    };
    EXPECT_EQ(RewriteShard(*f.shard, f.same, "none", f.files), absl::DataLossError("not the routes"));
    EXPECT_FALSE(f.files.Exists("none"));
  }
}

}  // namespace
}  // namespace grouter
