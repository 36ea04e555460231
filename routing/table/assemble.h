// From shards to a table: checks that they belong together and cover every sample, and writes the manifest.
#ifndef GROUTER_ROUTING_TABLE_ASSEMBLE_H_
#define GROUTER_ROUTING_TABLE_ASSEMBLE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

// Shards done and in all; may be empty.
using AssembleProgress = std::function<void(uint64_t done, uint64_t total)>;

// Writes the manifest of folder `path` from the shards in it, and returns the table's content digest. The
// table is complete from then on; a manifest already there is replaced. FAILED_PRECONDITION naming the
// samples when shards are missing or overlap; INVALID_ARGUMENT when two shards have different headers.
absl::StatusOr<Digest> FinishTable(const std::string& path, const std::vector<std::string>& provenance = {},
                                   FileSystem& files = FileSystem::Local(),
                                   const AssembleProgress& progress = {});

// The sample index that a table made without one has beside its shards.
constexpr char kSampleIndexName[] = "sample_index";

// Links (or copies) the sample index in table folder `from`, where one lies there, into `to`, unless there is
// one already.
absl::Status KeepSampleIndex(const std::string& from, const std::string& to, FileSystem& files);

// Links (or, across file systems, copies) the shards of `inputs`, folders with or without a manifest, into
// folder `output`, then FinishTable; then their sample index, where one has it beside its shards. The inputs
// stay as they are.
absl::StatusOr<Digest> MergeTables(const std::vector<std::string>& inputs, const std::string& output,
                                   const std::vector<std::string>& provenance = {},
                                   FileSystem& files = FileSystem::Local(),
                                   const AssembleProgress& progress = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_ASSEMBLE_H_
