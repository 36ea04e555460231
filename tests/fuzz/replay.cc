// Feeds every seed of one fuzz target to its entry point, whole and cut short.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// An exact heap copy, so that a sanitizer sees a read one byte past the end.
void Feed(const std::string& bytes, size_t size) {
  std::vector<uint8_t> exact(bytes.begin(), bytes.begin() + size);
  EXPECT_EQ(LLVMFuzzerTestOneInput(exact.data(), exact.size()), 0);
}

std::vector<std::string> Seeds() {
  const char* folder = std::getenv("GROUTER_FUZZ_SEEDS");
  std::vector<std::filesystem::path> paths;
  if (folder != nullptr && std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

TEST(FuzzTarget, TakesAnEmptyInput) { Feed("", 0); }

TEST(FuzzTarget, TakesEverySeedItWasGiven) {
  const std::vector<std::string> seeds = Seeds();
  ASSERT_FALSE(seeds.empty()) << "no seed in tests/fuzz/seeds for this target";
  for (const std::string& seed : seeds) Feed(seed, seed.size());
}

TEST(FuzzTarget, TakesEverySeedCutShort) {
  constexpr size_t kCuts = 16;
  for (const std::string& seed : Seeds()) {
    for (size_t cut = 1; cut < kCuts; ++cut) Feed(seed, seed.size() * cut / kCuts);
    if (!seed.empty()) Feed(seed, seed.size() - 1);
  }
}

}  // namespace
