// Collectives over Gloo (c10d::ProcessGroupGloo): processes on CPUs, TCP between them.
#ifndef GROUTER_TRAINER_COLLECTIVES_GLOO_H_
#define GROUTER_TRAINER_COLLECTIVES_GLOO_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/collectives/collectives.h"
#include "trainer/collectives/environment.h"

namespace grouter {

struct GlooOptions {
  RankEnvironment environment;
  // Where ranks find each other: a file that all see, or when empty MASTER_ADDR:MASTER_PORT, which rank 0
  // serves (unless the launcher does, environment.launcher_serves_store).
  std::string rendezvous_file;
  std::chrono::milliseconds timeout = std::chrono::seconds(300);  // of each call, and of meeting at the start
};

// Blocks until all ranks are there. DEADLINE_EXCEEDED when they are not in time, UNAVAILABLE when the master
// cannot be reached. A rank that dies later makes the others' calls fail with UNAVAILABLE at once, or with
// DEADLINE_EXCEEDED when its machine went silent.
absl::StatusOr<std::unique_ptr<Collectives>> MakeGlooCollectives(const GlooOptions& options);

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_GLOO_H_
