#include "tests/testing/tables/sparse_table.h"

#include <vector>

#include "data/sample_index.h"
#include "io/digest.h"
#include "io/error.h"
#include "io/file.h"
#include "routing/table/assemble.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/statistics.h"

namespace grouter {
namespace testing {

absl::StatusOr<std::string> MakeSparseTable(const SparseTableOptions& o) {
  TableHeader header = o.header;
  header.id_width = IdWidth(header.num_experts);
  const RecordLayout layout = LayoutRecord(header, o.sample_tokens, false);
  GROUTER_ASSIGN_OR_RETURN(
      const auto index, SampleIndex::FromLengths(std::vector<uint32_t>(o.num_samples, o.sample_tokens), {}));
  header.sample_index_digest = index->digest();
  header.splits = index->splits();
  FileSystem& files = FileSystem::Local();
  GROUTER_RETURN_IF_ERROR(files.RemoveTree(o.path));
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(o.path));
  const std::string path = JoinPath(o.path, ShardName(0, o.num_samples));
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, path));

  ShardHeader page;
  page.num_samples = o.num_samples;
  page.num_tokens = index->num_tokens();
  uint64_t end = kHeaderPageBytes + o.num_samples * layout.bytes;
  page.sections.push_back({SectionKind::kRoutes, 0, kHeaderPageBytes, end - kHeaderPageBytes});
  std::string offsets, facts;
  for (uint64_t s = 0; s <= o.num_samples; ++s) {
    const uint64_t offset = kHeaderPageBytes + s * layout.bytes;
    offsets.append(reinterpret_cast<const char*>(&offset), 8);
  }
  const uint32_t words[6] = {o.sample_tokens, o.sample_tokens - 1, 0, 0, 0, 0};
  for (uint64_t s = 0; s < o.num_samples; ++s)
    facts.append(reinterpret_cast<const char*>(words), sizeof(words));
  LayerGroupStatistics empty;
  empty.load.resize(header.num_experts);
  std::string statistics(16, 0);
  EncodeStatistics(empty, &statistics);
  const uint64_t bounds[2] = {16, statistics.size()};
  statistics.replace(0, 16, reinterpret_cast<const char*>(bounds), 16);
  const std::pair<SectionKind, std::string> sections[] = {
      {SectionKind::kIdentity, EncodeIdentity(header, index->domains())},
      {SectionKind::kOffsets, offsets},
      {SectionKind::kLeaves, std::string(32 * o.num_samples, 0)},
      {SectionKind::kFacts, facts},
      {SectionKind::kCountOffsets, std::string(8 * (o.num_samples + 1), 0)},
      {SectionKind::kCounts, ""},
      {SectionKind::kStatistics, statistics},
  };
  for (const auto& section : sections) {
    std::string bytes = section.second;
    page.sections.push_back({section.first, Crc32c(bytes), end, bytes.size()});
    bytes.resize(AlignUp8(bytes.size()));
    GROUTER_RETURN_IF_ERROR(file.file().WriteAt(end, bytes));
    end += bytes.size();
  }
  GROUTER_RETURN_IF_ERROR(file.file().WriteAt(0, EncodeShardHeader(page)));
  GROUTER_RETURN_IF_ERROR(file.Commit());
  GROUTER_RETURN_IF_ERROR(FinishTable(o.path).status());
  return path;
}

}  // namespace testing
}  // namespace grouter
