// Any bytes as a shard: as they are, and with the checksums made right; then everything in it is read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "io/digest.h"
#include "routing/table/format.h"
#include "routing/table/shard.h"
#include "tests/testing/tables/memory_files.h"

namespace {

using grouter::kHeaderPageBytes;

void ReadAll(const std::string& bytes) {
  grouter::testing::MemoryFiles files;
  files.Put("s.shard", bytes);
  const auto shard = grouter::Shard::Open("s.shard", files);
  if (!shard.ok()) return;
  const uint32_t groups = std::min<uint32_t>((*shard)->table_header().num_layer_groups, 64);
  std::vector<grouter::ExpertCount> counts;
  for (uint64_t s = 0; s < std::min<uint64_t>((*shard)->header().num_samples, 64); ++s) {
    for (uint32_t group = 0; group < groups; ++group) {
      (*shard)->ExpertCounts(s, group, &counts).IgnoreError();
      const auto record = (*shard)->record(s, group);
      if (!record.ok()) continue;
      (*shard)->CheckRecord(s, group, *record).IgnoreError();
      if ((*shard)->header().tier != grouter::TableTier::kPlain) continue;
      const grouter::RouteView view = (*shard)->View(s, *record);
      for (uint32_t t = 0; t < view.num_tokens; ++t) {
        for (uint32_t i = 0; i < std::min(view.k, view.NumTopk(t)); ++i) view.Id(t, i);
      }
    }
  }
  for (uint32_t group = 0; group < groups; ++group) (*shard)->Statistics(group).status().IgnoreError();
}

// Section entries lie at byte 56: kind, crc, offset, bytes. Then the page's own checksum.
void RepairChecksums(std::string* bytes) {
  uint32_t num_sections;
  std::memcpy(&num_sections, bytes->data() + 52, 4);
  for (uint32_t i = 0; i < std::min(num_sections, grouter::kMaxSections); ++i) {
    char* entry = &(*bytes)[56 + 24 * i];
    uint64_t offset, size;
    std::memcpy(&offset, entry + 8, 8);
    std::memcpy(&size, entry + 16, 8);
    if (offset < kHeaderPageBytes || offset > bytes->size() || size > bytes->size() - offset) continue;
    const uint32_t crc = grouter::Crc32c(bytes->data() + offset, size);
    std::memcpy(entry + 4, &crc, 4);
  }
  const uint32_t crc = grouter::Crc32c(bytes->data(), kHeaderPageBytes - 4);
  std::memcpy(&(*bytes)[kHeaderPageBytes - 4], &crc, 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  ReadAll(bytes);
  if (size < kHeaderPageBytes) return 0;
  RepairChecksums(&bytes);
  ReadAll(bytes);
  return 0;
}
