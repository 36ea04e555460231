#include "tests/bench/planner/routes.h"

#include <sys/mman.h>

#include <cstdlib>
#include <fstream>

#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace bench {

std::vector<uint8_t> MakeRoutes(uint64_t num_samples) {
  std::vector<uint8_t> ids(num_samples * kTokens * kTopk);
  Random random(1);
  size_t at = 0;
  for (uint64_t s = 0; s < num_samples; ++s) {
    const uint32_t topic = static_cast<uint32_t>(random.Below(16)) * 8;
    for (uint32_t t = 0; t < kTokens; ++t) {
      uint64_t taken[2] = {0, 0};
      for (uint32_t j = 0; j < kTopk; ++j) {
        const uint64_t draw = random.Next();
        uint32_t e = draw & 1 ? (topic + (draw >> 8) % 24) % kExperts : (draw >> 8) % kExperts;
        while (taken[e / 64] >> (e % 64) & 1) e = (e + 1) % kExperts;
        taken[e / 64] |= uint64_t{1} << (e % 64);
        ids[at++] = static_cast<uint8_t>(e);
      }
    }
  }
  return ids;
}

void RouteFile::Free::operator()(uint8_t* ids) const { std::free(ids); }

RouteFile::RouteFile(const char* path) {
  constexpr uint64_t kHugePage = uint64_t{2} << 20;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const uint64_t bytes = static_cast<uint64_t>(file.tellg());
  GROUTER_CHECK(file.good() && bytes >= kSampleBytes);
  num_samples_ = bytes / kSampleBytes;
  const uint64_t room = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  ids_.reset(static_cast<uint8_t*>(std::aligned_alloc(kHugePage, room)));
  GROUTER_CHECK(ids_ != nullptr);
  madvise(ids_.get(), room, MADV_HUGEPAGE);  // what it cannot do costs time only
  file.seekg(0);
  file.read(reinterpret_cast<char*>(ids_.get()), static_cast<std::streamsize>(bytes));
  GROUTER_CHECK(file.good());
}

RouteView ViewOf(const uint8_t* ids, uint64_t sample) {
  RouteView view;
  view.num_tokens = kTokens;
  view.k = kTopk;
  view.ids = absl::string_view(reinterpret_cast<const char*>(ids) + sample * kSampleBytes, kSampleBytes);
  return view;
}

}  // namespace bench
}  // namespace grouter
