#include <cstdint>

#include "routing/planning/counting/byte_kernel.h"

namespace grouter {
namespace {

#include "routing/planning/counting/byte_kernel-inl.h"

template <uint32_t kK>
void Count(const ByteRun& run, uint32_t* counts) {
  const uint8_t* table = run.table;
  const auto masks = [table](const uint8_t* ids) {
    uint64_t tokens = 0;
    for (uint32_t t = 0; t < 8; ++t) {
      uint32_t mask = 0;
      for (uint32_t j = 0; j < kK; ++j) mask |= table[ids[t * kK + j]];
      tokens |= uint64_t{mask} << (8 * t);
    }
    return tokens;
  };
  CountByteVectors<uint64_t, kK>(run, masks, counts);
}

}  // namespace

bool HasBytePermutes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

void CountBytesPortable(const ByteRun& run, uint32_t* counts) {
  run.k == 8 ? Count<8>(run, counts) : Count<4>(run, counts);
}

}  // namespace grouter
