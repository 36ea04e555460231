// Replicas for all layers of a model. Reads [layers][experts] u64 loads from a file, times BalanceReplicas,
// writes phy2log, log2phy and logcnt as int32, one after the other, and prints {"ms": [...], "most_copies":
// N}.
//
//   replicas LOADS EXPERTS SLOTS RANKS NODES GROUPS ROUNDS OUT
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "routing/planning/placement/balance_replicas.h"

namespace grouter {
namespace {

int Run(char** argv) {
  const auto number = [argv](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
  std::ifstream in(argv[1], std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<uint64_t> load(bytes.size() / sizeof(uint64_t));
  bytes.copy(reinterpret_cast<char*>(load.data()), load.size() * sizeof(uint64_t));
  const ReplicaShape shape = {number(2), number(3), number(4), number(5), number(6)};
  std::vector<double> ms;
  EplbArrays arrays;
  for (uint32_t round = 0; round < number(7); ++round) {
    const auto begin = std::chrono::steady_clock::now();
    auto balanced = BalanceReplicas(shape, load);
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    if (!balanced.ok()) {
      std::fprintf(stderr, "%s\n", balanced.status().ToString().c_str());
      return 3;
    }
    arrays = *std::move(balanced);
  }
  std::ofstream out(argv[8], std::ios::binary);
  for (const std::vector<int32_t>* array : {&arrays.phy2log, &arrays.log2phy, &arrays.logcnt}) {
    out.write(reinterpret_cast<const char*>(array->data()),
              static_cast<std::streamsize>(array->size() * sizeof(int32_t)));
  }
  std::printf("{\"ms\": [");
  for (size_t i = 0; i < ms.size(); ++i) std::printf("%s%.5f", i == 0 ? "" : ", ", ms[i]);
  std::printf("], \"most_copies\": %u}\n", arrays.most_copies);
  return out.flush() ? 0 : 3;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc == 9) return grouter::Run(argv);
  std::fprintf(stderr, "usage: %s LOADS EXPERTS SLOTS RANKS NODES GROUPS ROUNDS OUT\n", argv[0]);
  return 2;
}
