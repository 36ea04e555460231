#include "routing/table/routing_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>

#include "gtest/gtest.h"
#include "routing/table/assemble.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/verify.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"
#include "tests/testing/tables/sparse_table.h"

namespace grouter {
namespace {

using testing::MakeRandomTable;
using testing::NewFolder;
using testing::RandomIndex;
using testing::RandomRoutes;
using testing::RandomShape;
using testing::RandomTableOptions;

RandomTableOptions SmallTable() {
  RandomTableOptions o;
  o.lengths = {5, 0, 17, 40, 1, 9};
  o.header.num_layer_groups = 2;
  o.header.weight_type = WeightType::kFloat32;
  o.num_shards = 2;
  return o;
}

// The routes of a view in words that do not depend on where they lie.
struct Decoded {
  std::vector<std::vector<uint32_t>> ids;
  std::vector<bool> missing;
  friend bool operator==(const Decoded& a, const Decoded& b) {
    return a.ids == b.ids && a.missing == b.missing;
  }
};
Decoded Decode(const RouteView& view) {
  Decoded decoded;
  for (uint32_t t = 0; t < view.num_tokens; ++t) {
    decoded.missing.push_back(view.IsMissing(t));
    decoded.ids.emplace_back();
    for (uint32_t i = 0; i < view.NumTopk(t); ++i) decoded.ids.back().push_back(view.Id(t, i));
  }
  return decoded;
}

TEST(RoutingTable, GivesBackTheRoutesOfEverySampleForAnyShape) {
  Random random(7);
  for (int round = 0; round < 25; ++round) {
    const RandomTableOptions o = RandomShape(&random);
    SCOPED_TRACE(round);
    const auto table = MakeRandomTable(o, NewFolder());
    const auto index = RandomIndex(o);
    ASSERT_EQ(table->num_samples(), o.lengths.size());
    EXPECT_EQ(table->num_tokens(), index->num_tokens());
    for (uint64_t s = 0; s < o.lengths.size(); ++s) {
      const SampleFacts facts = table->facts(s);
      EXPECT_EQ(facts.length, o.lengths[s]);
      EXPECT_EQ(facts.num_loss_tokens, index->sample(s).num_loss_tokens);
      EXPECT_EQ(facts.domain, index->sample(s).domain);
      EXPECT_EQ(facts.token_crc32c, index->sample(s).token_crc32c);
      EXPECT_EQ(facts.split, s < index->splits()[1].first_sample ? 0 : 1);
      for (uint32_t group = 0; group < o.header.num_layer_groups; ++group) {
        const RouteBuffer expected = RandomRoutes(o, s, group);
        const auto routes = table->CheckedRoutes(s, group);
        ASSERT_TRUE(routes.ok()) << routes.status();
        EXPECT_EQ(Decode(*routes), Decode(expected.view()));
        EXPECT_EQ(routes->weights, expected.view().weights);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(routes->ids.data()) % 8, 0);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(routes->weights.data()) % 8, 0);
      }
    }
  }
}

TEST(RoutingTable, CountsExpertsPerSampleAndPairsPerLayerGroup) {
  Random random(8);
  for (int round = 0; round < 12; ++round) {
    const RandomTableOptions o = RandomShape(&random);
    const auto table = MakeRandomTable(o, NewFolder());
    for (uint32_t group = 0; group < o.header.num_layer_groups; ++group) {
      std::vector<uint64_t> load(o.header.num_experts);
      std::map<std::pair<uint32_t, uint32_t>, uint64_t> pairs;
      uint64_t missing = 0;
      for (uint64_t s = 0; s < o.lengths.size(); ++s) {
        const Decoded routes = Decode(RandomRoutes(o, s, group).view());
        std::map<uint32_t, uint32_t> counts;
        for (size_t t = 0; t < routes.ids.size(); ++t) {
          missing += routes.missing[t];
          std::vector<uint32_t> ids = routes.ids[t];
          std::sort(ids.begin(), ids.end());
          for (size_t i = 0; i < ids.size(); ++i) {
            ++counts[ids[i]];
            ++load[ids[i]];
            for (size_t j = i + 1; j < ids.size(); ++j) ++pairs[{ids[i], ids[j]}];
          }
        }
        std::vector<ExpertCount> stored;
        ASSERT_TRUE(table->ExpertCounts(s, group, &stored).ok());
        ASSERT_EQ(stored.size(), counts.size());
        for (const ExpertCount& c : stored) EXPECT_EQ(c.count, counts[c.expert]);
      }
      const auto statistics = table->Statistics(group);
      ASSERT_TRUE(statistics.ok()) << statistics.status();
      EXPECT_TRUE(statistics->exact);
      EXPECT_EQ(statistics->load, load);
      EXPECT_EQ(statistics->num_missing, missing);
      EXPECT_EQ(statistics->num_tokens, table->num_tokens());
      ASSERT_EQ(statistics->pairs.size(), pairs.size());
      auto expected = pairs.begin();
      for (const CoactivationPair& p : statistics->pairs) {
        EXPECT_EQ(std::make_pair(p.a, p.b), expected->first);
        EXPECT_EQ(p.count, expected->second);
        ++expected;
      }
    }
  }
}

TEST(RoutingTable, SlicesViewAnyTokenRange) {
  Random random(9);
  for (int round = 0; round < 30; ++round) {
    RandomTableOptions o = RandomShape(&random);
    o.lengths = {50};
    o.missing = 0.3;
    const RouteBuffer buffer = RandomRoutes(o, 0, 0);
    const Decoded whole = Decode(buffer.view());
    const uint32_t first = static_cast<uint32_t>(random.Below(51));
    const uint32_t count = static_cast<uint32_t>(random.Below(51 - first));
    const uint32_t skip = static_cast<uint32_t>(random.Below(count + 1));
    // A slice of a slice is the slice.
    const Decoded part = Decode(buffer.view().Slice(first, count).Slice(skip, count - skip));
    for (uint32_t t = 0; t < count - skip; ++t) {
      EXPECT_EQ(part.ids[t], whole.ids[first + skip + t]);
      EXPECT_EQ(part.missing[t], whole.missing[first + skip + t]);
    }
  }
}

TEST(RoutingTable, RefusesPlacesOutsideIt) {
  const auto table = MakeRandomTable(SmallTable(), NewFolder());
  EXPECT_EQ(table->Routes(6, 0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(table->Routes(0, 2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(table->Statistics(2).status().code(), absl::StatusCode::kOutOfRange);
  std::vector<ExpertCount> counts;
  EXPECT_EQ(table->ExpertCounts(6, 0, &counts).code(), absl::StatusCode::kOutOfRange);
}

TEST(RoutingTable, KeepsItsHeaderDomainsAndProvenance) {
  RandomTableOptions o = SmallTable();
  o.header.causality = Causality::kCaptured;
  o.header.allow_generation_capture = true;
  o.header.eod_token = 151643;
  o.header.eod_rule = PositionRule::kNoExperts;
  const auto table = MakeRandomTable(o, NewFolder());
  EXPECT_EQ(table->header().causality, Causality::kCaptured);
  EXPECT_TRUE(table->header().allow_generation_capture);
  EXPECT_EQ(table->header().eod_token, 151643);
  EXPECT_EQ(table->header().eod_rule, PositionRule::kNoExperts);
  EXPECT_EQ(table->header().splits.size(), 2);
  EXPECT_EQ(table->header().splits[1].name, "valid");
  EXPECT_EQ(table->domains(), (std::vector<std::string>{"books", "code", "news"}));
  EXPECT_EQ(table->provenance(), std::vector<std::string>{"made by: a test"});
  EXPECT_EQ(table->tier(), TableTier::kPlain);
}

TEST(RoutingTable, SaysWhichFileAndByteAreDamaged) {
  const std::string folder = NewFolder();
  MakeRandomTable(SmallTable(), folder);
  FileSystem& files = FileSystem::Local();
  const std::string shard = JoinPath(folder, "000000000000-000000000003.shard");
  std::string bytes = *files.ReadFile(shard);
  bytes[4096 + 3] ^= 1;  // in the first record
  ASSERT_TRUE(WriteFileAtomically(files, shard, bytes).ok());
  const auto table = RoutingTable::Open(folder);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE((*table)->Routes(0, 0).ok());
  const absl::Status status = (*table)->CheckedRoutes(0, 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(shard + " at byte 4096"), absl::string_view::npos) << status;
}

TEST(RoutingTable, RefusesAShardThatIsNotTheOneInTheManifest) {
  const std::string folder = NewFolder();
  const std::string other = NewFolder();
  RandomTableOptions o = SmallTable();
  MakeRandomTable(o, folder);
  o.lengths[0] = 6;
  MakeRandomTable(o, other);
  FileSystem& files = FileSystem::Local();
  const std::string name = "000000000000-000000000003.shard";
  ASSERT_TRUE(files.Rename(JoinPath(other, name), JoinPath(folder, name)).ok());
  EXPECT_EQ(RoutingTable::Open(folder).status().code(), absl::StatusCode::kDataLoss);
}

TEST(RoutingTable, SaysThatAFolderHoldsNoTable) {
  EXPECT_EQ(RoutingTable::Open(NewFolder()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RoutingTable::Open("/no/such/folder").status().code(), absl::StatusCode::kNotFound);
}

TEST(RoutingTable, StaysReadableAfterItsFilesAreUnlinked) {
  const std::string folder = NewFolder();
  const auto table = MakeRandomTable(SmallTable(), folder);
  ASSERT_TRUE(FileSystem::Local().RemoveTree(folder).ok());
  EXPECT_TRUE(table->CheckedRoutes(3, 1).ok());
}

TEST(RoutingTable, ServesManyThreadsAtOnce) {
  const auto table = MakeRandomTable(SmallTable(), NewFolder());
  std::vector<std::thread> threads;
  std::vector<int> good(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) good[i] += table->CheckedRoutes(n % 6, n % 2).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(4, 200));
}

TEST(RoutingTable, MoreThan2To32TokensAndIdsUpTo65535AreFoundAtTheirPlaces) {
  testing::SparseTableOptions o;
  o.path = NewFolder() + "/t";
  o.header.num_experts = 65'536;
  o.header.k = 2;
  o.sample_tokens = INT32_MAX;
  o.num_samples = 3;
  const auto shard = testing::MakeSparseTable(o);
  ASSERT_TRUE(shard.ok()) << shard.status();
  const uint32_t last = o.sample_tokens - 1;
  const uint16_t ids[2] = {65'535, 256};
  TableHeader header = o.header;
  header.id_width = 2;
  const uint64_t record = LayoutRecord(header, o.sample_tokens, false).bytes;
  ASSERT_GT(record, uint64_t{1} << 32);
  const int fd = ::open(shard->c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, ids, 4, static_cast<off_t>(kHeaderPageBytes + 2 * record + 4 * uint64_t{last})), 4);
  ::close(fd);

  const auto table = RoutingTable::Open(o.path);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->num_tokens(), 3 * uint64_t{INT32_MAX});
  EXPECT_GT((*table)->num_tokens(), uint64_t{1} << 32);
  const auto routes = (*table)->Routes(2, 0);
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(routes->Id(last, 0), 65'535);
  EXPECT_EQ(routes->Id(last, 1), 256);
  EXPECT_EQ(routes->Id(last - 1, 0), 0);
  const RouteView slice = routes->Slice(last - 2, 3);
  EXPECT_EQ(slice.Id(2, 0), 65'535);
  EXPECT_EQ((*table)->Routes(1, 0)->Id(last, 0), 0);
}

TEST(RoutingTable, ANewerMinorVersionWithASectionUnknownHereIsReadAndVerified) {
  testing::MemoryFiles files;
  const auto old = MakeRandomTable(SmallTable(), "t", files);
  const Decoded routes = Decode(*old->CheckedRoutes(2, 1));
  const auto names = files.List("t");
  ASSERT_TRUE(names.ok());
  for (const std::string& name : *names) {
    if (name == kManifestName) continue;
    std::string bytes = files.Get("t/" + name);
    auto header = DecodeShardHeader(bytes.substr(0, kHeaderPageBytes), bytes.size());
    ASSERT_TRUE(header.ok()) << header.status();
    const std::string unknown = "of a later year!";
    header->format_minor = kTableFormatMinor + 1;
    header->sections.push_back({static_cast<SectionKind>(77), Crc32c(unknown), bytes.size(), unknown.size()});
    bytes.replace(0, kHeaderPageBytes, EncodeShardHeader(*header));
    files.Put("t/" + name, bytes + unknown);
  }
  ASSERT_TRUE(FinishTable("t", {}, files).ok());
  auto manifest = DecodeManifest(files.Get(std::string("t/") + kManifestName));
  manifest->format_minor = kTableFormatMinor + 1;
  files.Put(std::string("t/") + kManifestName, EncodeManifest(*manifest));

  const auto table = RoutingTable::Open("t", files);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->content_digest(), old->content_digest());
  EXPECT_EQ(Decode(*(*table)->CheckedRoutes(2, 1)), routes);
  const auto report = VerifyTable("t", {}, files);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->findings.empty()) << report->findings[0].what;
}

TEST(RoutingTable, AnotherMajorVersionIsUnimplementedAndSaysSo) {
  testing::MemoryFiles files;
  MakeRandomTable(SmallTable(), "t", files);
  auto manifest = DecodeManifest(files.Get(std::string("t/") + kManifestName));
  manifest->format_major = kTableFormatMajor + 1;
  files.Put(std::string("t/") + kManifestName, EncodeManifest(*manifest));
  const absl::Status status = RoutingTable::Open("t", files).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("newer Grouter"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace grouter
