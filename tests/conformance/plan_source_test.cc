// Every PlanSource there is, through the one suite.
#include "client/grpc_plan_source.h"
#include "client/prefetching_plan_source.h"
#include "tests/conformance/plan_source_suite.h"

namespace grouter {
namespace {

using testing::ServedJob;

SourceUnderTest Local(const ServedJob& job, uint32_t rank) { return {{}, job.Local(rank)}; }

GrpcPlanSourceOptions Options(const ServedJob& job, uint32_t rank) {
  GrpcPlanSourceOptions options;
  options.spec = job.spec;
  options.rank = rank;
  return options;
}

SourceUnderTest Served(const ServedJob& job, uint32_t rank, int num_servers, uint64_t window_bytes) {
  GrpcPlanSourceOptions options = Options(job, rank);
  options.window_bytes = window_bytes;
  SourceUnderTest made;
  for (int i = 0; i < num_servers; ++i) {
    std::shared_ptr<Server> server = testing::StartServer(job.root);
    options.servers.push_back(server->addresses()[0]);
    made.keep.push_back(server);
  }
  auto source = ConnectPlanSource(options);
  EXPECT_TRUE(source.ok()) << source.status();
  made.source = *std::move(source);
  return made;
}

SourceUnderTest Prefetched(SourceUnderTest made, uint32_t depth) {
  made.source = MakePrefetchingPlanSource(std::move(made.source), depth);
  return made;
}

INSTANTIATE_TEST_SUITE_P(
    AllSources, PlanSourceTest,
    ::testing::Values(
        SourceKind{"Local", Local},
        SourceKind{"PrefetchingDepthZero",
                   [](const ServedJob& job, uint32_t r) { return Prefetched(Local(job, r), 0); }},
        SourceKind{"PrefetchingLocal",
                   [](const ServedJob& job, uint32_t r) { return Prefetched(Local(job, r), 2); }},
        SourceKind{"Grpc", [](const ServedJob& job, uint32_t r) { return Served(job, r, 1, 32 << 20); }},
        SourceKind{"GrpcSmallWindow", [](const ServedJob& job, uint32_t r) { return Served(job, r, 1, 1); }},
        SourceKind{"GrpcReplicated",
                   [](const ServedJob& job, uint32_t r) { return Served(job, r, 3, 32 << 20); }},
        SourceKind{"PrefetchingGrpc", [](const ServedJob& job,
                                         uint32_t r) { return Prefetched(Served(job, r, 1, 32 << 20), 3); }}),
    KindName);

}  // namespace
}  // namespace grouter
