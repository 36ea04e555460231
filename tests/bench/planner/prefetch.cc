// Residency of experts over the accesses of one step, read from a file of little-endian u32: the number of
// micro-batches; of each, the number of layers; of each, the number of chunks; of each, the number of experts
// and their ids. Prints {"fetched": N, "written": N, "ms": T}, counts of experts.
//
//   prefetch FILE CAPACITY read|training
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "routing/planning/batch/expert_residency.h"

namespace grouter {
namespace {

std::vector<uint32_t> ReadNumbers(const char* file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<uint32_t> numbers(bytes.size() / sizeof(uint32_t));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(uint32_t));
  return numbers;
}

int Run(const char* file, uint32_t capacity, bool training) {
  const std::vector<uint32_t> numbers = ReadNumbers(file);
  size_t at = 0;
  const auto next = [&] { return numbers[at++]; };
  std::vector<std::vector<std::vector<std::vector<uint32_t>>>> used(next());
  uint32_t layers = 0;
  for (auto& micro_batch : used) {
    micro_batch.resize(next());
    layers = static_cast<uint32_t>(micro_batch.size());
    for (auto& layer : micro_batch) {
      layer.resize(next());
      for (auto& chunk : layer) {
        chunk.resize(next());
        for (uint32_t& slot : chunk) slot = next();
      }
    }
  }
  std::vector<uint32_t> layer_group_of_layer;
  for (uint32_t l = 0; l < layers; ++l) layer_group_of_layer.push_back(l);
  std::vector<AccessGroup> groups = AccessGroupsOf(used, layer_group_of_layer);
  if (!training) {
    std::vector<AccessGroup> forward;
    for (AccessGroup& group : groups) {
      if (!group.backward) forward.push_back(std::move(group));
    }
    groups = std::move(forward);
  }
  const auto begin = std::chrono::steady_clock::now();
  const ResidencyPlan plan = PlanResidency(groups, ResidencyOptions{capacity, 1, 1});
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  std::printf("{\"fetched\": %llu, \"written\": %llu, \"ms\": %.3f}\n",
              static_cast<unsigned long long>(plan.bytes_fetched),
              static_cast<unsigned long long>(plan.bytes_written), ms);
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc == 4) {
    return grouter::Run(argv[1], static_cast<uint32_t>(std::atoi(argv[2])),
                        std::strcmp(argv[3], "training") == 0);
  }
  std::fprintf(stderr, "usage: %s FILE CAPACITY read|training\n", argv[0]);
  return 2;
}
