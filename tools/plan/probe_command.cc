#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"
#include "io/file.h"
#include "io/json.h"
#include "tools/plan/commands.h"
#include "trainer/collectives/gloo.h"
#include "trainer/probe/local_ranks.h"
#include "trainer/probe/probe.h"

namespace grouter {
namespace {

constexpr uint32_t kMostLocalRanks = 64;
constexpr uint64_t kSmallestMessage = 4096, kLargestMessage = uint64_t{1} << 30;
constexpr uint32_t kMostRounds = 1000;

struct Options {
  std::string out, node;
  uint32_t local_ranks = 0, rounds = 9;
  uint64_t message_bytes = 4 << 20, timeout_seconds = 300;
};

uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

uint64_t MemoryOfMachine() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page_bytes > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes) : 0;
}

std::string HostName() {
  char name[64] = "";
  gethostname(name, sizeof(name) - 1);
  return name[0] == '\0' ? "node" : name;
}

ProbeOptions MakeProbeOptions(const Options& options) {
  ProbeOptions probe;
  probe.node = (options.node.empty() ? HostName() : options.node).substr(0, 63);
  probe.memory_bytes = MemoryOfMachine();
  probe.message_bytes = options.message_bytes;
  probe.rounds = options.rounds;
  probe.now_ns = NowNs;
  probe.measure_flops = [rounds = options.rounds](uint32_t ranks_on_node) {
    return MeasureMatMulFlops(ranks_on_node, rounds, NowNs);
  };
  return probe;
}

std::string ForPeople(const Topology& topology) {
  std::string text;
  const auto link = [](const Link& one) {
    return absl::StrFormat("%.2f GB/s, %.1f us", static_cast<double>(one.bytes_per_second) / 1e9,
                           static_cast<double>(one.latency_ns) / 1e3);
  };
  for (const TopologyNode& node : topology.nodes) {
    absl::StrAppend(&text, node.name, ": ", node.num_ranks, " rank(s), each ",
                    absl::StrFormat("%.1f GFLOP/s", static_cast<double>(node.flops_per_second) / 1e9),
                    " and ", HumanBytes(node.memory_bytes), "; inside the machine ", link(node.scale_up),
                    "; between machines ",
                    topology.nodes.size() > 1 ? link(node.scale_out) : "not measured: one machine", "\n");
  }
  return text;
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  if (options.local_ranks > kMostLocalRanks || options.rounds == 0 || options.rounds > kMostRounds ||
      options.message_bytes < kSmallestMessage || options.message_bytes > kLargestMessage) {
    return Error(absl::StatusCode::kInvalidArgument, "out of range", "--local, --rounds, --message_bytes",
                 absl::StrCat("give at most ", kMostLocalRanks, " ranks, 1 to ", kMostRounds, " rounds, ",
                              kSmallestMessage, " to ", kLargestMessage, " bytes"));
  }
  const ProbeOptions probe = MakeProbeOptions(options);
  const auto timeout = std::chrono::seconds(std::max<uint64_t>(options.timeout_seconds, 1));
  Topology topology;
  bool first_rank = true;
  if (options.local_ranks > 0) {
    GROUTER_RETURN_IF_ERROR(
        RunOnLocalRanks(options.local_ranks, timeout, [&](Collectives& world) -> absl::Status {
          GROUTER_ASSIGN_OR_RETURN(Topology found, ProbeRanks(world, probe));
          if (world.rank() == 0) topology = std::move(found);
          return absl::OkStatus();
        }));
  } else {
    GlooOptions gloo;
    GROUTER_ASSIGN_OR_RETURN(gloo.environment,
                             ReadRankEnvironment([](const char* name) { return std::getenv(name); }));
    gloo.timeout = timeout;
    GROUTER_ASSIGN_OR_RETURN(const auto world, MakeGlooCollectives(gloo));
    GROUTER_ASSIGN_OR_RETURN(topology, ProbeRanks(*world, probe));
    first_rank = world->rank() == 0;
  }
  if (!first_rank) return 0;
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Local(), options.out, topology.ToJson()));
  terminal.Result(absl::StrCat(options.out, "\n", ForPeople(topology)), ParseJson(topology.ToJson()).dump());
  return 0;
}

}  // namespace

void AddProbeCommand(Command& root) {
  Command& command = root.Add("probe", "measure links and devices of the ranks: a topology file");
  Options* options = command.Keep(Options());
  command.Required("--out", &options->out, "topology file to write (JSON)")
      .Option("--local", &options->local_ranks,
              "ranks on this machine alone, as threads over loopback; 0: the launcher's ranks")
      .Option("--node", &options->node, "name of this machine; else its host name")
      .Option("--message_bytes", &options->message_bytes, "of the large exchange")
      .Option("--rounds", &options->rounds, "of each measurement; the median counts")
      .Option("--timeout", &options->timeout_seconds, "seconds a rank waits for another")
      .Footer(
          "Start it as the trainer: one process a rank, with RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and\n"
          "MASTER_PORT set (torchrun --no-python, srun, mpirun or by hand). Rank 0 writes the file.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
