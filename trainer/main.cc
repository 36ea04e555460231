// grouter_trainer: one trainer worker. `grouter_trainer --help`, docs/trainer.md.
#include <malloc.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "trainer/launch.h"
#include "trainer/plan_source_factory.h"

int main(int argc, char** argv) {
  // A step's buffers have the same sizes as the last step's: keep them, page faults cost more than memory.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
  // A killed rank is an error of the call that meets it: c10d's store would end this process unheard.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return grouter::LaunchTrainer(
      arguments, [](const char* name) { return static_cast<const char*>(std::getenv(name)); },
      grouter::MakeConfiguredPlanSource, std::cout, std::cerr);
}
