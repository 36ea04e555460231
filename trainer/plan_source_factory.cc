#include "trainer/plan_source_factory.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/grpc_plan_source.h"
#include "client/local_plan_source.h"
#include "client/prefetching_plan_source.h"
#include "io/error.h"
#include "io/file.h"

namespace grouter {

absl::StatusOr<std::unique_ptr<PlanSource>> MakeConfiguredPlanSource(const PlansConfig& plans,
                                                                     uint32_t rank) {
  FileSystem& files = FileSystem::Local();
  GROUTER_ASSIGN_OR_RETURN(const std::string json, files.ReadFile(plans.job, 1 << 24));
  GROUTER_ASSIGN_OR_RETURN(JobSpec spec, JobSpec::FromJson(json, plans.job));
  std::unique_ptr<PlanSource> source;
  if (!plans.servers.empty()) {
    GrpcPlanSourceOptions options;
    options.servers = plans.servers;
    options.spec = std::move(spec);
    options.rank = rank;
    options.credentials = WithEnvironment(plans.credentials, std::getenv);
    options.worker = absl::StrCat("rank ", rank);
    options.server_timeout = plans.server_timeout;
    GROUTER_ASSIGN_OR_RETURN(source, ConnectPlanSource(std::move(options)));
  } else {
    std::vector<std::shared_ptr<const RoutingTable>> tables;
    for (const std::string& path : plans.tables) {
      GROUTER_ASSIGN_OR_RETURN(auto table, RoutingTable::Open(path));
      tables.push_back(std::move(table));
    }
    GROUTER_ASSIGN_OR_RETURN(const std::string bytes, files.ReadFile(plans.schedule));
    GROUTER_ASSIGN_OR_RETURN(PlacementSchedule schedule, PlacementSchedule::Decode(bytes));
    GROUTER_ASSIGN_OR_RETURN(
        source, MakeLocalPlanSource(std::move(spec), std::move(tables),
                                    std::make_shared<const PlacementSchedule>(std::move(schedule)), rank));
  }
  return std::unique_ptr<PlanSource>(MakePrefetchingPlanSource(std::move(source), plans.plans_ahead));
}

}  // namespace grouter
