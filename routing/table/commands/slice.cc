#include "routing/table/commands/slice.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"

namespace grouter {

absl::StatusOr<Digest> SliceTable(const RoutingTable& table, const SliceOptions& o, FileSystem& files) {
  const TableHeader& from = table.header();
  if (o.first_sample >= table.num_samples() || o.first_layer_group >= from.num_layer_groups ||
      o.num_samples == 0 || o.num_layer_groups == 0) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("the table has ", table.num_samples(), " samples and ", from.num_layer_groups,
                              " layer groups"),
                 table.path(), "give a range inside it");
  }
  const uint64_t samples = std::min(o.num_samples, table.num_samples() - o.first_sample);
  const uint32_t groups = std::min(o.num_layer_groups, from.num_layer_groups - o.first_layer_group);
  std::vector<uint32_t> lengths;
  for (uint64_t s = 0; s < samples; ++s) lengths.push_back(table.facts(o.first_sample + s).length);
  std::vector<DataSplit> splits;
  uint64_t next = 0;
  for (const DataSplit& split : from.splits) {
    const uint64_t begin = std::max(split.first_sample, o.first_sample);
    const uint64_t end = std::min(split.first_sample + split.num_samples, o.first_sample + samples);
    if (begin >= end) continue;
    splits.push_back({split.name, next, end - begin, 0, 0});
    next += end - begin;
  }

  TableBuilderOptions build;
  build.path = o.output;
  build.header = from;
  build.header.num_layer_groups = groups;
  build.header.splits.clear();
  build.header.sample_index_digest = Digest();
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(o.output));
  GROUTER_ASSIGN_OR_RETURN(build.index, SampleIndex::FromLengths(lengths, splits));
  GROUTER_RETURN_IF_ERROR(build.index->Save(JoinPath(o.output, kSampleIndexName), files));
  GROUTER_ASSIGN_OR_RETURN(const std::unique_ptr<TableBuilder> builder, TableBuilder::Create(build, files));
  std::vector<RouteView> views(groups);
  for (uint64_t s = 0; s < samples; ++s) {
    for (uint32_t g = 0; g < groups; ++g) {
      GROUTER_ASSIGN_OR_RETURN(views[g], table.CheckedRoutes(o.first_sample + s, o.first_layer_group + g));
    }
    GROUTER_RETURN_IF_ERROR(builder->AddSample(views));
    if (o.progress) o.progress(s + 1, samples);
  }
  GROUTER_RETURN_IF_ERROR(builder->Finish().status());
  std::vector<std::string> provenance = table.provenance();
  provenance.push_back(absl::StrCat("slice of: ", table.content_digest().Hex(), ", samples ", o.first_sample,
                                    " to ", o.first_sample + samples, ", layer groups ", o.first_layer_group,
                                    " to ", o.first_layer_group + groups));
  return FinishTable(o.output, provenance, files);
}

}  // namespace grouter
