#include "trainer/collectives/environment.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "io/error.h"

namespace grouter {
namespace {

using Getter = std::function<const char*(const char*)>;

absl::Status ReadNumber(const Getter& get, const char* name, uint32_t* value) {
  const char* text = get(name);
  if (text == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "environment variable is not set", name,
                 "set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT together");
  }
  if (!absl::SimpleAtoi(text, value)) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("not a number: '", text, "'"), name,
                 "give a whole number");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RankEnvironment> ReadRankEnvironment(const Getter& get) {
  struct Names {
    const char* rank;
    const char* size;
    const char* local;
  };
  static constexpr Names kLaunchers[] = {
      {"RANK", "WORLD_SIZE", "LOCAL_RANK"},
      {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"},
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
  };
  RankEnvironment environment;
  for (const Names& names : kLaunchers) {
    if (get(names.rank) == nullptr && get(names.size) == nullptr) continue;
    GROUTER_RETURN_IF_ERROR(ReadNumber(get, names.rank, &environment.rank));
    GROUTER_RETURN_IF_ERROR(ReadNumber(get, names.size, &environment.world_size));
    environment.local_rank = environment.rank;
    if (get(names.local) != nullptr) {
      GROUTER_RETURN_IF_ERROR(ReadNumber(get, names.local, &environment.local_rank));
    }
    if (environment.rank >= environment.world_size) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("rank ", environment.rank, " is outside a world of ", environment.world_size),
                   names.rank, "ranks count from 0");
    }
    break;
  }
  if (const char* address = get("MASTER_ADDR")) environment.master_address = address;
  if (get("MASTER_PORT") != nullptr) {
    uint32_t port = 0;
    GROUTER_RETURN_IF_ERROR(ReadNumber(get, "MASTER_PORT", &port));
    if (port > UINT16_MAX) {
      return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("no such port: ", port), "MASTER_PORT",
                   "choose one below 65536");
    }
    environment.master_port = static_cast<uint16_t>(port);
  }
  if (const char* agent = get("TORCHELASTIC_USE_AGENT_STORE")) {
    environment.launcher_serves_store = absl::string_view(agent) == "True";
  }
  if (get("TORCHELASTIC_RESTART_COUNT") != nullptr) {
    GROUTER_RETURN_IF_ERROR(ReadNumber(get, "TORCHELASTIC_RESTART_COUNT", &environment.restart));
  }
  return environment;
}

}  // namespace grouter
