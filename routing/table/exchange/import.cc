#include "routing/table/exchange/import.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/exchange/array_source.h"
#include "routing/table/exchange/dataset_source.h"
#include "routing/table/exchange/jsonl_source.h"
#include "routing/table/exchange/npy.h"
#include "routing/table/format.h"

namespace grouter {
namespace {

absl::Status Invalid(absl::string_view what, absl::string_view where, absl::string_view fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, fix);
}

// A source with what its views point into.
struct OpenedSource {
  std::unique_ptr<RouteSource> source;
  std::vector<std::shared_ptr<const void>> holders;
};

absl::StatusOr<ArrayView> MapNpy(const std::string& path, OpenedSource* opened, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, files.Map(path));
  opened->holders.push_back(file);
  absl::StatusOr<ArrayView> array = ParseNpy(file->bytes());
  if (!array.ok()) return Annotate(array.status(), path);
  return array;
}

ArrayView ViewOf(const TensorView& tensor) { return {tensor.spec.type, tensor.spec.shape, tensor.bytes}; }

absl::Status FindArrays(const ImportOptions& o, OpenedSource* opened, ArraySourceOptions* arrays,
                        FileSystem& files) {
  const std::string& path = o.inputs[0];
  if (o.format == "npz") {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const NpzFile> npz, NpzFile::Open(path, o.output, files));
    opened->holders.push_back(npz);
    const ArrayView* ids = npz->Find(o.ids_name.empty() ? "ids" : o.ids_name);
    if (ids == nullptr) return Invalid("there is no array of ids", path, "name it with --ids_name");
    arrays->ids = *ids;
    if (const ArrayView* weights = npz->Find("weights")) arrays->weights = *weights;
    if (const ArrayView* lengths = npz->Find("seq_len")) arrays->lengths = *lengths;
    return absl::OkStatus();
  }
  if (o.format == "tensor" && !absl::EndsWith(path, ".npy")) {
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file,
                             SafetensorsFile::Open(path, files));
    opened->holders.push_back(file);
    const TensorView* ids = o.ids_name.empty() ? file->Find("ids") : file->Find(o.ids_name);
    if (ids == nullptr && o.ids_name.empty()) ids = file->Find("routed_experts");
    if (ids == nullptr && o.ids_name.empty() && file->tensors().size() == 1) ids = &file->tensors()[0];
    if (ids == nullptr) return Invalid("there is no tensor of ids", path, "name it with --ids_name");
    arrays->ids = ViewOf(*ids);
    if (const TensorView* weights = file->Find("weights")) arrays->weights = ViewOf(*weights);
    if (const TensorView* lengths = file->Find("seq_len")) arrays->lengths = ViewOf(*lengths);
    return absl::OkStatus();
  }
  GROUTER_ASSIGN_OR_RETURN(arrays->ids, MapNpy(path, opened, files));
  if (o.inputs.size() > 1) {
    GROUTER_ASSIGN_OR_RETURN(arrays->weights, MapNpy(o.inputs[1], opened, files));
  }
  if (!o.lengths_input.empty()) {
    GROUTER_ASSIGN_OR_RETURN(arrays->lengths, MapNpy(o.lengths_input, opened, files));
  }
  return absl::OkStatus();
}

absl::StatusOr<OpenedSource> OpenSource(const ImportOptions& o, uint32_t num_experts, FileSystem& files) {
  OpenedSource opened;
  if (o.inputs.empty()) return Invalid("no input", "inputs", "give a file or a prefix");
  if (o.format == "npz" || o.format == "npy" || o.format == "tensor") {
    ArraySourceOptions arrays;
    arrays.markers = o.markers;
    arrays.num_experts = num_experts;
    arrays.per_token_k = o.per_token_k;
    GROUTER_RETURN_IF_ERROR(FindArrays(o, &opened, &arrays, files));
    if (o.format == "tensor" && arrays.ids.shape.size() == 4)
      arrays.layout = ArrayLayout::kSamplesTokensLayers;
    if (o.format == "tensor" && arrays.ids.shape.size() == 3) arrays.layout = ArrayLayout::kTokensLayers;
    absl::StatusOr<std::unique_ptr<RouteSource>> source = MakeArraySource(arrays);
    if (!source.ok()) return Annotate(source.status(), o.inputs[0]);
    opened.source = *std::move(source);
    return opened;
  }
  if (o.format == "megatron" || o.format == "reference") {
    DatasetSourceOptions pair;
    pair.ids_prefix = o.inputs[0];
    if (o.inputs.size() > 1) pair.weights_prefix = o.inputs[1];
    pair.num_layer_groups = std::max(o.num_layer_groups, 1u);
    pair.k = o.k;
    pair.markers = o.markers;
    pair.num_experts = num_experts;
    pair.per_token_k = o.per_token_k;
    pair.reference = o.format == "reference";
    GROUTER_ASSIGN_OR_RETURN(opened.source, OpenDatasetSource(pair, files));
    return opened;
  }
  if (o.format == "routed-experts" || o.format == "trace-jsonl") {
    JsonlSourceOptions jsonl;
    jsonl.path = o.inputs[0];
    jsonl.num_layer_groups = o.num_layer_groups;
    jsonl.k = o.k;
    jsonl.markers = o.markers;
    jsonl.num_experts = num_experts;
    jsonl.per_token_k = o.per_token_k;
    jsonl.progress = o.scan_progress;
    GROUTER_ASSIGN_OR_RETURN(opened.source, o.format == "trace-jsonl"
                                                ? OpenRouterTraceSource(jsonl, files)
                                                : OpenRoutedExpertsSource(jsonl, files));
    return opened;
  }
  return Invalid(absl::StrCat("unknown format \"", o.format, "\""), "format",
                 "give npz, npy, megatron, reference, routed-experts, trace-jsonl or tensor");
}

absl::Status CheckLengths(const SampleIndex& index, const std::vector<uint32_t>& lengths) {
  if (index.num_samples() != lengths.size()) {
    return Invalid(
        absl::StrCat("routes of ", lengths.size(), " samples, the index has ", index.num_samples()),
        "sample index", "give the index these routes were made with");
  }
  for (uint64_t s = 0; s < lengths.size(); ++s) {
    if (index.sample(s).length == lengths[s]) continue;
    return Invalid(absl::StrCat("sample ", s, " has routes of ", lengths[s], " tokens, the index says ",
                                index.sample(s).length),
                   "sample index",
                   "import without an index, then `grouter table align` tells padding from an offset by one");
  }
  return absl::OkStatus();
}

absl::Status WriteShard(const TableBuilderOptions& build, RouteSource* source, const ImportOptions& o,
                        uint64_t* tokens_done, uint64_t tokens, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::unique_ptr<TableBuilder> builder, TableBuilder::Create(build, files));
  std::vector<RouteBuffer> buffers(build.header.num_layer_groups, RouteBuffer(build.header, 0));
  std::vector<RouteView> views(buffers.size());
  for (uint64_t s = build.first_sample; s < build.first_sample + build.num_samples; ++s) {
    const uint32_t length = source->shape().lengths[s];
    for (RouteBuffer& buffer : buffers) buffer.Reset(length);
    const absl::Status read = source->Read(s, &buffers);
    if (!read.ok()) return Annotate(read, absl::StrCat(o.inputs[0], ", sample ", s));
    for (size_t group = 0; group < buffers.size(); ++group) views[group] = buffers[group].view();
    GROUTER_RETURN_IF_ERROR(builder->AddSample(views));
    *tokens_done += length;
    if (o.progress) o.progress(*tokens_done, tokens);
  }
  return builder->Finish().status();
}

}  // namespace

absl::StatusOr<ImportReport> ImportTable(const ImportOptions& o, FileSystem& files) {
  ImportReport report;
  report.num_experts = o.num_experts;
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(o.output));
  GROUTER_ASSIGN_OR_RETURN(OpenedSource opened,
                           OpenSource(o, o.num_experts == 0 ? kMaxExperts : o.num_experts, files));
  RouteSource& source = *opened.source;
  if (report.num_experts == 0) {
    GROUTER_ASSIGN_OR_RETURN(const int64_t largest, source.LargestId(o.scan_progress));
    if (largest >= kMaxExperts) {
      return Invalid(absl::StrCat("the largest id is ", largest), o.inputs[0],
                     "give the marker of missing routes");
    }
    report.num_experts =
        static_cast<uint32_t>(std::max<int64_t>({largest + 1, source.shape().k, kMinExperts}));
  }
  const std::vector<uint32_t>& lengths = source.shape().lengths;
  TableBuilderOptions build;
  build.path = o.output;
  build.index = o.index;
  if (build.index == nullptr) {
    GROUTER_ASSIGN_OR_RETURN(build.index, SampleIndex::FromLengths(lengths, {}));
    GROUTER_RETURN_IF_ERROR(build.index->Save(JoinPath(o.output, kSampleIndexName), files));
  }
  GROUTER_RETURN_IF_ERROR(CheckLengths(*build.index, lengths));
  TableHeader& h = build.header;
  h.num_experts = report.num_experts;
  h.k = source.shape().k;
  h.per_token_k = o.per_token_k;
  h.num_layer_groups = source.shape().num_layer_groups;
  h.weight_type = o.weight_type.value_or(source.shape().weight_type);
  if (h.weight_type != WeightType::kNone && source.shape().weight_type == WeightType::kNone) {
    return Invalid("weights are asked for, the input has none", o.inputs[0], "import ids only");
  }
  h.causality = o.causality;
  h.allow_generation_capture = o.autoregressive;
  h.tokenizer_digest = o.tokenizer_digest.IsZero() ? build.index->tokenizer_digest() : o.tokenizer_digest;
  h.router_digest = o.router_digest;
  h.cross_document = build.index->rules().cross_document;
  h.eod_token = build.index->rules().eod_token;

  uint64_t tokens_done = 0;
  for (uint64_t first = 0; first < lengths.size() || first == 0;) {
    uint64_t end = first, tokens = 0;
    while (end < lengths.size() && tokens < o.shard_tokens) tokens += lengths[end++];
    build.first_sample = first;
    build.num_samples = end - first;
    if (TableBuilder::IsFinished(build, files)) {
      tokens_done += tokens;
    } else {
      GROUTER_RETURN_IF_ERROR(WriteShard(build, &source, o, &tokens_done, build.index->num_tokens(), files));
    }
    if (end == first) break;
    first = end;
  }
  report.assumptions = source.assumptions();
  std::vector<std::string> provenance = {absl::StrCat("imported from: ", o.format)};
  provenance.insert(provenance.end(), report.assumptions.begin(), report.assumptions.end());
  provenance.insert(provenance.end(), o.provenance.begin(), o.provenance.end());
  GROUTER_ASSIGN_OR_RETURN(report.content_digest, FinishTable(o.output, provenance, files));
  report.num_samples = lengths.size();
  report.num_tokens = build.index->num_tokens();
  return report;
}

}  // namespace grouter
