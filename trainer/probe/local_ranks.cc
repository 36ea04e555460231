#include "trainer/probe/local_ranks.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/error.h"
#include "io/file.h"
#include "trainer/collectives/gloo.h"

namespace grouter {

absl::Status RunOnLocalRanks(uint32_t size, std::chrono::milliseconds timeout,
                             const std::function<absl::Status(Collectives& world)>& rank_main) {
  std::error_code no_temporary;
  std::string folder =
      JoinPath(std::filesystem::temp_directory_path(no_temporary).string(), "grouter_XXXXXX");
  if (no_temporary || mkdtemp(folder.data()) == nullptr) {
    return ErrnoError(no_temporary ? no_temporary.value() : errno, "no folder for the ranks to meet in",
                      folder);
  }
  std::vector<absl::Status> results(size);
  // Kept until all are done: a rank that leaves early closes connections that another still opens.
  std::vector<std::unique_ptr<Collectives>> worlds(size);
  std::vector<std::thread> ranks;
  for (uint32_t rank = 0; rank < size; ++rank) {
    ranks.emplace_back([&, rank] {
      GlooOptions options;
      options.environment.rank = rank;
      options.environment.world_size = size;
      options.environment.local_rank = rank;
      options.rendezvous_file = JoinPath(folder, "meeting");
      options.timeout = timeout;
      auto world = MakeGlooCollectives(options);
      results[rank] = world.status();
      if (!world.ok()) return;
      worlds[rank] = *std::move(world);
      results[rank] = rank_main(*worlds[rank]);
    });
  }
  for (std::thread& rank : ranks) rank.join();
  std::error_code ignored;  // a left-over folder in /tmp is no failure of the ranks
  std::filesystem::remove_all(folder, ignored);
  for (const absl::Status& result : results) GROUTER_RETURN_IF_ERROR(result);
  return absl::OkStatus();
}

}  // namespace grouter
