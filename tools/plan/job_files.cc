#include "tools/plan/job_files.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/file.h"

namespace grouter {
namespace {

constexpr uint64_t kLargestJob = uint64_t{16} << 20;

}  // namespace

absl::StatusOr<JobDraft> ReadJobDraft(const std::string& path) {
  GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(path, kLargestJob));
  return JobDraft::FromJson(json, path);
}

absl::StatusOr<JobSpec> ReadJobSpec(const std::string& path) {
  GROUTER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Local().ReadFile(path, kLargestJob));
  return JobSpec::FromJson(json, path);
}

absl::StatusOr<std::shared_ptr<const PlacementSchedule>> ReadSchedule(const std::string& path) {
  GROUTER_ASSIGN_OR_RETURN(const std::string bytes, FileSystem::Local().ReadFile(path));
  absl::StatusOr<PlacementSchedule> schedule = PlacementSchedule::Decode(bytes);
  if (!schedule.ok()) return Annotate(schedule.status(), path);
  return std::make_shared<const PlacementSchedule>(*std::move(schedule));
}

absl::StatusOr<std::vector<std::shared_ptr<const RoutingTable>>> OpenTables(
    const JobDraft& draft, const std::vector<std::string>& paths) {
  std::vector<std::shared_ptr<const RoutingTable>> opened, tables;
  for (const std::string& path : paths) {
    GROUTER_ASSIGN_OR_RETURN(auto table, RoutingTable::Open(path));
    opened.push_back(std::move(table));
  }
  for (const TableUse& use : draft.tables) {
    std::shared_ptr<const RoutingTable> found;
    for (const auto& table : opened) {
      if (table->content_digest() == use.table) found = table;
    }
    if (found == nullptr) {
      return Error(absl::StatusCode::kNotFound,
                   absl::StrCat("none of the ", paths.size(), " tables given has the digest the job names"),
                   use.table.Hex(), "give that table's folder with --tables");
    }
    tables.push_back(std::move(found));
  }
  return tables;
}

absl::StatusOr<std::shared_ptr<const BatchPlanner>> OpenPlanner(const std::string& job,
                                                                const std::vector<std::string>& tables,
                                                                const std::string& schedule) {
  GROUTER_ASSIGN_OR_RETURN(JobSpec spec, ReadJobSpec(job));
  GROUTER_ASSIGN_OR_RETURN(auto opened, OpenTables(spec.draft, tables));
  GROUTER_ASSIGN_OR_RETURN(auto placement, ReadSchedule(schedule));
  GROUTER_ASSIGN_OR_RETURN(auto planner,
                           BatchPlanner::Create(std::move(spec), std::move(opened), std::move(placement)));
  return std::shared_ptr<const BatchPlanner>(std::move(planner));
}

}  // namespace grouter
