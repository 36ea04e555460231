#include <cstdint>

#include "routing/planning/counting/byte_kernel.h"

namespace grouter {
namespace {

#include "routing/planning/counting/byte_kernel-inl.h"

template <uint32_t kK, uint32_t kTables>
void Count(const ByteRun& run, uint32_t* counts) {
  const uint8_t* tables = run.tables;
  const auto masks = [tables](const uint8_t* ids, uint64_t* bytes) {
    for (uint32_t table = 0; table < kTables; ++table) bytes[table] = 0;
    for (uint32_t t = 0; t < 8; ++t) {
      for (uint32_t table = 0; table < kTables; ++table) {
        uint32_t mask = 0;
        for (uint32_t j = 0; j < kK; ++j) mask |= tables[256 * table + ids[t * kK + j]];
        bytes[table] |= uint64_t{mask} << (8 * t);
      }
    }
  };
  CountByteVectors<uint64_t, kK, kTables>(run, masks, counts);
}

}  // namespace

bool HasBytePermutes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

void CountBytesPortable(const ByteRun& run, uint32_t* counts) {
  WithByteShape(run, [&](auto k, auto tables, auto) {
    Count<decltype(k)::value, decltype(tables)::value>(run, counts);
  });
}

}  // namespace grouter
