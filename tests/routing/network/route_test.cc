#include "routing/network/route.h"

#include <gtest/gtest.h>

#include "data/sample_index_builder.h"
#include "routing/network/router_network.h"
#include "routing/table/verify.h"
#include "routing/table/weights.h"
#include "tests/data/small_dataset.h"
#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

struct Corpus {
  std::shared_ptr<const IndexedDataset> dataset;
  std::shared_ptr<const SampleIndex> index;
};

Corpus SmallCorpus() {
  Corpus corpus;
  corpus.dataset = SmallDataset(RandomDocuments(1, 120, 40, 50, 0));
  SampleIndexOptions options;
  options.rules.sequence_length = 32;
  options.rules.eod_token = 0;
  options.splits = {{"train", 4}, {"valid", 1}};
  auto index = BuildSampleIndex(*corpus.dataset, nullptr, options);
  EXPECT_TRUE(index.ok()) << index.status();
  corpus.index = *index;
  return corpus;
}

std::string TestName() { return ::testing::UnitTest::GetInstance()->current_test_info()->name(); }

std::string Folder(const std::string& name) {
  const std::string folder = JoinPath(::testing::TempDir(), "route_test_" + TestName() + name);
  EXPECT_TRUE(FileSystem::Local().RemoveTree(folder).ok());
  return folder;
}

Router StoredRouter(const RouterSpec& spec = SmallSpec()) {
  Router router = SmallRouter(spec);
  EXPECT_TRUE(SaveRouter(&router, Folder("_router")).ok());
  return router;
}

RouteOptions OptionsFor(const std::string& path) {
  RouteOptions options;
  options.table_path = path;
  options.shard_tokens = 300;
  options.audit.num_samples = 4;
  return options;
}

// Every shard's bytes, by name.
std::vector<std::pair<std::string, std::string>> ShardBytes(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> shards;
  const auto names = FileSystem::Local().List(folder);
  EXPECT_TRUE(names.ok()) << names.status();
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    auto bytes = FileSystem::Local().ReadFile(JoinPath(folder, name));
    if (bytes.ok()) shards.push_back({name, *bytes});
  }
  return shards;
}

TEST(RouteCorpus, TheTableHoldsTheRoutersRoutesOfEverySample) {
  const Corpus corpus = SmallCorpus();
  const Router router = StoredRouter();
  const std::string path = Folder("_table");
  const auto report = RouteCorpus(router, corpus.dataset, corpus.index, OptionsFor(path));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->num_shards, 3u);
  EXPECT_EQ(report->num_tokens, corpus.index->num_tokens());
  EXPECT_EQ(report->num_tokens_routed, corpus.index->num_tokens());
  VerifyOptions verify;
  verify.index = corpus.index;
  const auto verified = VerifyTable(path, verify);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_TRUE(verified->findings.empty());
  const auto table = RoutingTable::Open(path);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->content_digest(), report->table_digest);
  EXPECT_EQ((*table)->header().router_digest, router.digest);
  EXPECT_EQ((*table)->header().causality, Causality::kCausal);
  const RouterNetwork network(router);
  SampleTokens sample;
  for (uint64_t s = 0; s < corpus.index->num_samples(); ++s) {
    ASSERT_TRUE(ReadSampleTokens(*corpus.dataset, *corpus.index, s, &sample).ok());
    const SampleRoutes wanted = *network.Route(sample);
    const RouteView stored = *(*table)->Routes(s, 0);
    ASSERT_EQ(stored.num_tokens, wanted.num_tokens());
    for (uint32_t t = 0; t < stored.num_tokens; ++t) {
      for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_EQ(stored.Id(t, r), wanted.ids[t * 3 + r]);
        EXPECT_EQ(WeightAt(stored.weights, stored.weight_type, t * 3 + r), wanted.weights[t * 3 + r]);
      }
    }
  }
}

TEST(RouteCorpus, BytesDependNeitherOnThreadsNorDoRoutesOnShards) {
  const Corpus corpus = SmallCorpus();
  const Router router = StoredRouter();
  RouteOptions options = OptionsFor(Folder("_one"));
  options.num_threads = 1;
  const auto one = RouteCorpus(router, corpus.dataset, corpus.index, options);
  ASSERT_TRUE(one.ok()) << one.status();
  options.table_path = Folder("_three");
  options.num_threads = 3;
  ASSERT_TRUE(RouteCorpus(router, corpus.dataset, corpus.index, options).ok());
  EXPECT_EQ(ShardBytes(JoinPath(::testing::TempDir(), "route_test_" + TestName() + "_one")),
            ShardBytes(options.table_path));
  options.table_path = Folder("_whole");
  options.shard_tokens = 1 << 20;
  const auto whole = RouteCorpus(router, corpus.dataset, corpus.index, options);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->num_shards, 1u);
  EXPECT_EQ(whole->table_digest, one->table_digest);
}

TEST(RouteCorpus, GoesOnWhereItWasStopped) {
  const Corpus corpus = SmallCorpus();
  const Router router = StoredRouter();
  RouteOptions options = OptionsFor(Folder("_whole"));
  const auto whole = RouteCorpus(router, corpus.dataset, corpus.index, options);
  ASSERT_TRUE(whole.ok());
  options.table_path = Folder("_stopped");
  const auto stopped =
      RouteCorpus(router, corpus.dataset, corpus.index, options,
                  [](const Progress& progress) { return progress.phase != "route" || progress.done < 1000; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(RoutingTable::Open(options.table_path).ok());
  const auto resumed = RouteCorpus(router, corpus.dataset, corpus.index, options);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_GT(resumed->num_shards_kept, 0u);
  EXPECT_LT(resumed->num_tokens_routed, resumed->num_tokens);
  EXPECT_EQ(resumed->table_digest, whole->table_digest);
}

TEST(RouteCorpus, RefusesRoutersThatDoNotFitTheCorpus) {
  const Corpus corpus = SmallCorpus();
  const RouteOptions options = OptionsFor(Folder("_table"));
  const auto code = [&](const Router& router) {
    return RouteCorpus(router, corpus.dataset, corpus.index, options).status().code();
  };
  EXPECT_EQ(code(SmallRouter()), absl::StatusCode::kInvalidArgument);  // never stored
  RouterSpec other_context = SmallSpec();
  other_context.cross_document = true;
  EXPECT_EQ(code(StoredRouter(other_context)), absl::StatusCode::kInvalidArgument);
  RouterSpec small_vocabulary = SmallSpec();
  small_vocabulary.shape.vocab_size = 10;
  EXPECT_EQ(code(StoredRouter(small_vocabulary)), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(RoutingTable::Open(options.table_path).ok());
}

TEST(AuditTable, FindsTheRoutersOwnTableEqualAndRefusesAnotherRouter) {
  const Corpus corpus = SmallCorpus();
  const Router router = StoredRouter();
  const RouteOptions options = OptionsFor(Folder("_table"));
  ASSERT_TRUE(RouteCorpus(router, corpus.dataset, corpus.index, options).ok());
  const auto table = RoutingTable::Open(options.table_path);
  ASSERT_TRUE(table.ok());
  const CorpusSamples samples(corpus.dataset, corpus.index, 0, corpus.index->num_samples());
  const auto report = AuditTable(router, **table, samples);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->compared, 100u);
  EXPECT_EQ(report->different, 0u);
  EXPECT_EQ(report->near_ties, 0u);
  Router other = router;
  other.tensors[kScoreWeight].values[0] += 1;
  ASSERT_TRUE(SaveRouter(&other, Folder("_other")).ok());
  EXPECT_EQ(AuditTable(other, **table, samples).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace grouter
