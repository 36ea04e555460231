#include "routing/table/exchange/jsonl_source.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

// Slots of missing routes before a sample's start: a line of a few bytes may not ask for all memory.
constexpr uint64_t kMaxMissingIds = uint64_t{1} << 29;

absl::Status BadLine(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, what, "", "correct the line, or choose the format it has");
}

// False when the field is there and is not an integer in [0, 2^31).
template <typename T>
bool GetCount(const Json& object, const char* key, T* value) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return true;
  if (!it->is_number_integer() || it->get<int64_t>() < 0 || it->get<int64_t>() > INT32_MAX) return false;
  *value = static_cast<T>(it->get<int64_t>());
  return true;
}

int32_t LoadId(const std::string& ids, uint64_t i) {
  int32_t id;
  std::memcpy(&id, ids.data() + 4 * i, 4);
  return id;
}

struct Line {
  uint64_t offset = 0;
  uint64_t number = 0;  // from 1
  absl::string_view text;
};

std::vector<Line> SplitLines(absl::string_view bytes) {
  std::vector<Line> lines;
  for (uint64_t begin = 0, number = 1; begin < bytes.size(); ++number) {
    const uint64_t end = std::min(bytes.find('\n', begin), bytes.size());
    if (bytes.substr(begin, end - begin).find_first_not_of(" \t\r") != absl::string_view::npos) {
      lines.push_back({begin, number, bytes.substr(begin, end - begin)});
    }
    begin = end + 1;
  }
  return lines;
}

// What both formats share: the mapped file, options, the largest id seen while indexing.
class JsonlSource : public RouteSource {
 public:
  JsonlSource(const JsonlSourceOptions& options, std::shared_ptr<const MappedFile> file)
      : options_(options),
        token_ids_(options.markers, options.num_experts, options.per_token_k),
        file_(std::move(file)) {}
  const RouteSourceShape& shape() const override { return shape_; }
  absl::StatusOr<int64_t> LargestId(const ScanProgress&) override { return largest_; }

 protected:
  std::string Where(const Line& line) const { return absl::StrCat(options_.path, " line ", line.number); }
  void Scanned(const Line& line) const {
    if (options_.progress) options_.progress(line.offset + line.text.size(), file_->size());
  }
  void See(int64_t id) {
    if (!token_ids_.IsMarked(id)) largest_ = std::max(largest_, id);
  }

  const JsonlSourceOptions options_;
  const TokenIds token_ids_;
  const std::shared_ptr<const MappedFile> file_;
  RouteSourceShape shape_;
  int64_t largest_ = -1;
};

class RoutedExpertsSource : public JsonlSource {
 public:
  using JsonlSource::JsonlSource;

  absl::Status Init() {
    lines_ = SplitLines(file_->bytes());
    shape_.num_layer_groups = options_.num_layer_groups;
    shape_.k = options_.k;
    for (const Line& line : lines_) {
      absl::StatusOr<RoutedExperts> one = ParseRoutedExperts(line.text);
      if (!one.ok()) return Annotate(one.status(), Where(line));
      if (shape_.k == 0) shape_.k = one->k;
      if (shape_.num_layer_groups == 0) shape_.num_layer_groups = one->num_layers;
      const uint64_t stride = uint64_t{shape_.num_layer_groups} * shape_.k;
      if (stride == 0 || shape_.k > 16) {
        return Annotate(BadLine("the line has no \"shape\": give k and the number of layer groups"),
                        Where(line));
      }
      if ((one->k != 0 && (one->k != shape_.k || one->num_layers != shape_.num_layer_groups)) ||
          one->ids.size() % (4 * stride) != 0) {
        return Annotate(BadLine(absl::StrCat(one->ids.size() / 4, " ids are not whole tokens of ",
                                             shape_.num_layer_groups, " layers x k ", shape_.k)),
                        Where(line));
      }
      const uint64_t rows = one->ids.size() / (4 * stride);
      const uint64_t length = one->seq_len != 0 ? one->seq_len : one->start + rows + 1;
      if (length > INT32_MAX || (one->start + rows != length && one->start + rows + 1 != length)) {
        return Annotate(BadLine(absl::StrCat("start ", one->start, " and ", rows,
                                             " rows do not end at the last but one of ", length, " tokens")),
                        Where(line));
      }
      if (one->start * stride > kMaxMissingIds) {
        return Annotate(BadLine(absl::StrCat("an absurd start: ", one->start)), Where(line));
      }
      for (uint64_t i = 0; i < one->ids.size() / 4; ++i) See(LoadId(one->ids, i));
      shape_.lengths.push_back(static_cast<uint32_t>(length));
      Scanned(line);
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t sample, std::vector<RouteBuffer>* groups) override {
    GROUTER_ASSIGN_OR_RETURN(const RoutedExperts one, ParseRoutedExperts(lines_[sample].text));
    const uint64_t rows = one.ids.size() / (4 * uint64_t{shape_.num_layer_groups} * shape_.k);
    for (uint32_t group = 0; group < groups->size(); ++group) {
      RouteBuffer* out = &(*groups)[group];
      for (uint32_t t = 0; t < out->num_tokens(); ++t) {
        if (t < one.start || t - one.start >= rows) {
          out->SetMissing(t);
          continue;
        }
        int64_t ids[16];
        const uint64_t at = ((t - one.start) * shape_.num_layer_groups + group) * shape_.k;
        for (uint32_t i = 0; i < shape_.k; ++i) ids[i] = LoadId(one.ids, at + i);
        const absl::Status put = token_ids_.Put(ids, shape_.k, t, out);
        if (!put.ok()) return Annotate(put, Where(lines_[sample]));
      }
    }
    return absl::OkStatus();
  }

  std::vector<std::string> assumptions() const override {
    return {"rows: row r is the route of token start + r; the last token of a sequence has none"};
  }

 private:
  std::vector<Line> lines_;
};

class RouterTraceSource : public JsonlSource {
 public:
  using JsonlSource::JsonlSource;

  absl::Status Init() {
    std::set<std::pair<int64_t, int64_t>> layers;
    std::map<std::pair<int64_t, int64_t>, std::map<std::pair<int64_t, int64_t>, Line>> samples;
    std::map<std::pair<int64_t, int64_t>, uint32_t> lengths;
    for (const Line& line : SplitLines(file_->bytes())) {
      absl::StatusOr<RouterTrace> trace = ParseRouterTrace(line.text);
      if (!trace.ok()) return Annotate(trace.status(), Where(line));
      const std::pair<int64_t, int64_t> sample(trace->rank, trace->step), layer(trace->block, trace->layer);
      if (shape_.k == 0) shape_.k = trace->k;
      const auto length = lengths.emplace(sample, trace->num_tokens).first;
      if (trace->k != shape_.k || length->second != trace->num_tokens) {
        return Annotate(BadLine("k, or the number of tokens of the step, differs from an earlier line"),
                        Where(line));
      }
      if (!samples[sample].emplace(layer, line).second) {
        return Annotate(BadLine("this layer, step and rank occurred before"), Where(line));
      }
      layers.insert(layer);
      for (int32_t id : trace->ids) See(id);
      Scanned(line);
    }
    shape_.num_layer_groups = static_cast<uint32_t>(std::max<size_t>(1, layers.size()));
    for (const auto& sample : samples) {
      if (sample.second.size() != layers.size()) {
        return Annotate(
            BadLine(absl::StrCat("step ", sample.first.second, " of rank ", sample.first.first, " has ",
                                 sample.second.size(), " of ", layers.size(), " layers")),
            options_.path);
      }
      shape_.lengths.push_back(lengths[sample.first]);
      lines_.emplace_back();
      for (const auto& layer : sample.second) lines_.back().push_back(layer.second);
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t sample, std::vector<RouteBuffer>* groups) override {
    for (uint32_t group = 0; group < groups->size(); ++group) {
      GROUTER_ASSIGN_OR_RETURN(const RouterTrace trace, ParseRouterTrace(lines_[sample][group].text));
      RouteBuffer* out = &(*groups)[group];
      for (uint32_t t = 0; t < out->num_tokens(); ++t) {
        int64_t ids[16];
        for (uint32_t i = 0; i < shape_.k; ++i) ids[i] = trace.ids[uint64_t{t} * shape_.k + i];
        const absl::Status put = token_ids_.Put(ids, shape_.k, t, out);
        if (!put.ok()) return Annotate(put, Where(lines_[sample][group]));
      }
    }
    return absl::OkStatus();
  }

  std::vector<std::string> assumptions() const override {
    return {
        "samples: one per rank and step, tokens in the order of the trace; layer groups: decoder layers, "
        "then "
        "multi-token prediction; ids in the order of the trace, which does not tell the scores"};
  }

 private:
  std::vector<std::vector<Line>> lines_;  // [sample][layer group]
};

template <typename Source>
absl::StatusOr<std::unique_ptr<RouteSource>> OpenSource(const JsonlSourceOptions& options,
                                                        FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, files.Map(options.path));
  auto source = std::make_unique<Source>(options, std::move(file));
  GROUTER_RETURN_IF_ERROR(source->Init());
  return std::unique_ptr<RouteSource>(std::move(source));
}

}  // namespace

absl::StatusOr<RoutedExperts> ParseRoutedExperts(absl::string_view line) {
  const Json json = ParseJson(line);
  if (!json.is_object()) return BadLine("the line is not a JSON object");
  const Json* holder = &json;
  const auto meta = json.find("meta_info");
  if (!json.contains("routed_experts") && meta != json.end() && meta->is_object()) holder = &*meta;
  const auto encoded = holder->find("routed_experts");
  if (encoded == holder->end() || !encoded->is_string()) return BadLine("\"routed_experts\" is not a string");
  RoutedExperts result;
  if (!absl::Base64Unescape(encoded->get_ref<const std::string&>(), &result.ids) ||
      result.ids.size() % 4 != 0) {
    return BadLine("\"routed_experts\" is not base64 of int32");
  }
  for (const Json* object : {&json, holder}) {
    if (!GetCount(*object, "seq_len", &result.seq_len) ||
        !GetCount(*object, "routed_experts_start_len", &result.start)) {
      return BadLine("\"seq_len\" or \"routed_experts_start_len\" is not a count");
    }
  }
  const auto shape = holder->find("shape");
  if (shape == holder->end()) return result;
  uint64_t dims[3];
  if (!shape->is_array() || shape->size() != 3) return BadLine("\"shape\" is not [rows, layers, k]");
  for (int i = 0; i < 3; ++i) {
    if (!(*shape)[i].is_number_unsigned() || (*shape)[i].get<uint64_t>() > 65536u * 1024u) {
      return BadLine("\"shape\" is not [rows, layers, k]");
    }
    dims[i] = (*shape)[i].get<uint64_t>();
  }
  if (dims[1] == 0 || dims[1] > 65536 || dims[2] == 0 || dims[2] > 16 ||
      dims[0] * dims[1] * dims[2] != result.ids.size() / 4) {
    return BadLine("\"shape\" does not fit the ids");
  }
  result.num_layers = static_cast<uint32_t>(dims[1]);
  result.k = static_cast<uint32_t>(dims[2]);
  return result;
}

absl::StatusOr<RouterTrace> ParseRouterTrace(absl::string_view line) {
  const Json json = ParseJson(line);
  if (!json.is_object()) return BadLine("the line is not a JSON object");
  RouterTrace trace;
  if (!GetCount(json, "step", &trace.step) || !GetCount(json, "rank", &trace.rank) ||
      !GetCount(json, "layer", &trace.layer)) {
    return BadLine("\"step\", \"rank\" or \"layer\" is not a count");
  }
  const auto block = json.find("block");
  if (block != json.end() && *block == "mtp") {
    int64_t mtp = 0;
    if (!GetCount(json, "mtp_idx", &mtp)) return BadLine("\"mtp_idx\" is not a count");
    trace.block = 1 + mtp;
  }
  const auto rows = json.find("top_indices");
  if (rows == json.end() || !rows->is_array()) return BadLine("\"top_indices\" is not a list");
  trace.num_tokens = static_cast<uint32_t>(rows->size());
  for (const Json& row : *rows) {
    if (!row.is_array() || row.size() > 16 || (trace.k != 0 && row.size() != trace.k) || row.empty()) {
      return BadLine("\"top_indices\" is not [tokens][k] with k from 1 to 16");
    }
    trace.k = static_cast<uint32_t>(row.size());
    for (const Json& id : row) {
      if (!id.is_number_integer() || id.get<int64_t>() > INT32_MAX || id.get<int64_t>() < kUnusedSlot) {
        return BadLine("an id is not an integer");
      }
      trace.ids.push_back(static_cast<int32_t>(id.get<int64_t>()));
    }
  }
  return trace;
}

absl::StatusOr<std::unique_ptr<RouteSource>> OpenRoutedExpertsSource(const JsonlSourceOptions& options,
                                                                     FileSystem& files) {
  return OpenSource<RoutedExpertsSource>(options, files);
}

absl::StatusOr<std::unique_ptr<RouteSource>> OpenRouterTraceSource(const JsonlSourceOptions& options,
                                                                   FileSystem& files) {
  return OpenSource<RouterTraceSource>(options, files);
}

}  // namespace grouter
