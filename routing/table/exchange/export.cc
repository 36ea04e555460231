#include "routing/table/exchange/export.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "data/indexed_dataset.h"
#include "io/error.h"
#include "io/safetensors.h"
#include "routing/table/exchange/npy.h"
#include "routing/table/exchange/route_source.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

absl::Status Invalid(absl::string_view what, absl::string_view fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, "export", fix);
}

using Append = std::function<absl::Status(absl::string_view)>;

class Exporter {
 public:
  Exporter(const RoutingTable& table, const ExportOptions& options)
      : table_(table), header_(table.header()), options_(options) {
    marked_ = header_.per_token_k;
    for (uint64_t s = 0; s < table.num_samples() && !marked_; ++s) marked_ = table.facts(s).num_missing != 0;
  }

  absl::StatusOr<ExportReport> Run() {
    if (options_.format == "npz" || options_.format == "npy") return WriteArrays();
    if (options_.format == "tensor") return WriteTensors();
    if (options_.format == "megatron") return WritePairs(/*reference=*/false);
    if (options_.format == "reference") return WritePairs(/*reference=*/true);
    if (options_.format == "routed-experts") return WriteRoutedExperts();
    if (options_.format == "trace-jsonl") return WriteRouterTrace();
    return Invalid(absl::StrCat("unknown format \"", options_.format, "\""),
                   "give npz, npy, megatron, reference, routed-experts, trace-jsonl or tensor");
  }

 private:
  bool has_weights() const { return header_.weight_type != WeightType::kNone; }
  TensorType id_type() const {
    return marked_ ? TensorType::kI32 : header_.id_width == 1 ? TensorType::kU8 : TensorType::kU16;
  }
  std::vector<uint64_t> LayersTokensShape() const {
    return {header_.num_layer_groups, table_.num_tokens(), header_.k};
  }

  static int32_t MarkedId(const RouteView& view, uint32_t token, uint32_t rank) {
    if (view.IsMissing(token)) return kMissingRoute;
    return rank < view.NumTopk(token) ? static_cast<int32_t>(view.Id(token, rank)) : kUnusedSlot;
  }
  // The ids of one token.
  void AppendIds(const RouteView& view, uint32_t token, std::string* out) const {
    if (!marked_) {
      const size_t stride = size_t{view.k} * view.id_width;
      out->append(view.ids.data() + token * stride, stride);
      return;
    }
    for (uint32_t i = 0; i < view.k; ++i) {
      const int32_t id = MarkedId(view, token, i);
      out->append(reinterpret_cast<const char*>(&id), 4);
    }
  }
  void AppendWeights(const RouteView& view, uint32_t token, std::string* out) const {
    for (uint32_t i = 0; i < view.k; ++i) {
      const float weight = WeightAt(view.weights, view.weight_type, size_t{token} * view.k + i);
      out->append(reinterpret_cast<const char*>(&weight), 4);
    }
  }

  // [layers][tokens][k], one record at a time.
  absl::Status LayersTokens(bool weights, const Append& append) {
    std::string piece;
    for (uint32_t group = 0; group < header_.num_layer_groups; ++group) {
      for (uint64_t s = 0; s < table_.num_samples(); ++s) {
        GROUTER_ASSIGN_OR_RETURN(const RouteView view, table_.CheckedRoutes(s, group));
        piece.clear();
        for (uint32_t t = 0; t < view.num_tokens; ++t)
          weights ? AppendWeights(view, t, &piece) : AppendIds(view, t, &piece);
        GROUTER_RETURN_IF_ERROR(append(piece));
        Progress();
      }
    }
    return absl::OkStatus();
  }
  // [tokens][layers][k], one sample at a time.
  absl::Status TokensLayers(bool weights, const Append& append) {
    std::string piece;
    for (uint64_t s = 0; s < table_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const std::vector<RouteView> views, Views(s));
      piece.clear();
      for (uint32_t t = 0; t < views[0].num_tokens; ++t) {
        for (const RouteView& view : views)
          weights ? AppendWeights(view, t, &piece) : AppendIds(view, t, &piece);
      }
      GROUTER_RETURN_IF_ERROR(append(piece));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<RouteView>> Views(uint64_t sample) {
    std::vector<RouteView> views;
    for (uint32_t group = 0; group < header_.num_layer_groups; ++group) {
      GROUTER_ASSIGN_OR_RETURN(const RouteView view, table_.CheckedRoutes(sample, group));
      views.push_back(view);
      Progress();
    }
    return views;
  }
  std::string Lengths() const {
    std::string out;
    for (uint64_t s = 0; s < table_.num_samples(); ++s) {
      const int32_t length = static_cast<int32_t>(table_.facts(s).length);
      out.append(reinterpret_cast<const char*>(&length), 4);
    }
    return out;
  }
  void Progress() {
    if (options_.progress)
      options_.progress(++records_done_, num_passes_ * table_.num_samples() * header_.num_layer_groups);
  }

  absl::Status WriteNpy(const std::string& path, TensorType type, const std::vector<uint64_t>& shape,
                        const std::function<absl::Status(const Append&)>& body) {
    GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(FileSystem::Local(), path));
    GROUTER_RETURN_IF_ERROR(file.Append(NpyHeader(type, shape)));
    GROUTER_RETURN_IF_ERROR(body([&](absl::string_view bytes) { return file.Append(bytes); }));
    return file.Commit();
  }

  absl::StatusOr<ExportReport> WriteArrays() {
    const bool archive = options_.format == "npz";
    num_passes_ = has_weights() ? 2 : 1;
    const std::string base(absl::StripSuffix(options_.output, ".npy"));
    ExportReport report;
    report.ids = archive ? absl::StrCat(options_.output, ".ids.tmp.", ::getpid()) : options_.output;
    report.lengths = absl::StrCat(archive ? report.ids : base, ".seq_len.npy");
    if (has_weights()) report.weights = absl::StrCat(archive ? report.ids : base, ".weights.npy");
    absl::Status status = WriteNpy(report.ids, id_type(), LayersTokensShape(),
                                   [&](const Append& append) { return LayersTokens(false, append); });
    if (status.ok()) {
      status = WriteNpy(report.lengths, TensorType::kI32, {table_.num_samples()},
                        [&](const Append& append) { return append(Lengths()); });
    }
    if (status.ok() && has_weights()) {
      status = WriteNpy(report.weights, TensorType::kF32, LayersTokensShape(),
                        [&](const Append& append) { return LayersTokens(true, append); });
    }
    if (!archive) {
      if (!status.ok()) return status;
      return report;
    }
    if (status.ok()) {
      std::vector<std::pair<std::string, std::string>> members = {{"ids", report.ids},
                                                                  {"seq_len", report.lengths}};
      if (has_weights()) members.push_back({"weights", report.weights});
      status = WriteNpz(options_.output, members);
    }
    for (const std::string& temp : {report.ids, report.lengths, report.weights}) {
      if (!temp.empty()) FileSystem::Local().Remove(temp).IgnoreError();
    }
    if (!status.ok()) return status;
    return ExportReport{options_.output, "", ""};
  }

  absl::StatusOr<ExportReport> WriteTensors() {
    const std::vector<uint64_t> shape = {table_.num_tokens(), header_.num_layer_groups, header_.k};
    num_passes_ = has_weights() ? 2 : 1;
    std::vector<TensorSpec> specs = {{"ids", id_type(), shape},
                                     {"seq_len", TensorType::kI32, {table_.num_samples()}}};
    if (has_weights()) specs.push_back({"weights", TensorType::kF32, shape});
    GROUTER_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsWriter> writer,
                             SafetensorsWriter::Create(options_.output, specs));
    const Append append = [&](absl::string_view bytes) { return writer->Append(bytes); };
    for (const TensorSpec& spec : writer->layout()) {
      GROUTER_RETURN_IF_ERROR(spec.name == "seq_len" ? append(Lengths())
                                                     : TokensLayers(spec.name == "weights", append));
    }
    GROUTER_RETURN_IF_ERROR(writer->Commit());
    return ExportReport{options_.output, "", ""};
  }

  // Ids ascending, scores ascending, each by itself: as the reference writes them.
  void SortReference(std::string* ids, std::string* scores) const {
    std::sort(reinterpret_cast<uint8_t*>(&(*ids)[0]), reinterpret_cast<uint8_t*>(&(*ids)[0]) + header_.k);
    if (scores->empty()) return;
    float values[16];
    std::memcpy(values, scores->data(), 4 * header_.k);
    std::sort(values, values + header_.k);
    std::memcpy(&(*scores)[0], values, 4 * header_.k);
  }

  absl::StatusOr<ExportReport> WritePairs(bool reference) {
    if (reference && (header_.num_layer_groups != 1 || id_type() != TensorType::kU8 || header_.k == 0)) {
      return Invalid(
          "the reference's files hold one layer group, k > 0, at most 256 experts, no missing route",
          "export with format megatron");
    }
    FileSystem& files = FileSystem::Local();
    ExportReport report;
    report.ids = options_.output + ".ids";
    const TokenType type = id_type() == TensorType::kU8    ? TokenType::kUint8
                           : id_type() == TensorType::kU16 ? TokenType::kUint16
                                                           : TokenType::kInt32;
    GROUTER_ASSIGN_OR_RETURN(IndexedDatasetWriter ids, IndexedDatasetWriter::Create(files, report.ids, type));
    std::unique_ptr<IndexedDatasetWriter> weights;
    if (has_weights()) {
      report.weights = options_.output + ".weights";
      GROUTER_ASSIGN_OR_RETURN(IndexedDatasetWriter writer,
                               IndexedDatasetWriter::Create(files, report.weights, TokenType::kFloat32));
      weights = std::make_unique<IndexedDatasetWriter>(std::move(writer));
    }
    for (uint64_t s = 0; s < table_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const std::vector<RouteView> views, Views(s));
      std::string all_ids, all_weights, token_ids, token_weights;
      for (const RouteView& view : views) {
        for (uint32_t t = 0; t < view.num_tokens; ++t) {
          token_ids.clear();
          token_weights.clear();
          AppendIds(view, t, &token_ids);
          if (weights != nullptr) AppendWeights(view, t, &token_weights);
          if (reference) SortReference(&token_ids, &token_weights);
          all_ids += token_ids;
          all_weights += token_weights;
        }
      }
      GROUTER_RETURN_IF_ERROR(ids.AddSequenceBytes(all_ids));
      ids.EndDocument();
      if (weights == nullptr) continue;
      GROUTER_RETURN_IF_ERROR(weights->AddSequenceBytes(all_weights));
      weights->EndDocument();
    }
    if (weights != nullptr) GROUTER_RETURN_IF_ERROR(weights->Finish());
    GROUTER_RETURN_IF_ERROR(ids.Finish());
    return report;
  }

  absl::StatusOr<ExportReport> WriteRoutedExperts() {
    if (has_weights())
      return Invalid("routed-experts lines hold ids only", "export a table without weights, or as npz");
    GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(FileSystem::Local(), options_.output));
    for (uint64_t s = 0; s < table_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const std::vector<RouteView> views, Views(s));
      const auto all_missing = [&](uint32_t t) {
        return std::all_of(views.begin(), views.end(),
                           [&](const RouteView& view) { return view.IsMissing(t); });
      };
      const uint32_t length = views[0].num_tokens;
      uint32_t start = 0, end = length;
      while (start < end && all_missing(start)) ++start;
      if (end > start && all_missing(end - 1)) --end;
      std::string ids;
      for (uint32_t t = start; t < end; ++t) {
        for (const RouteView& view : views) {
          for (uint32_t i = 0; i < view.k; ++i) {
            const int32_t id = MarkedId(view, t, i);
            ids.append(reinterpret_cast<const char*>(&id), 4);
          }
        }
      }
      nlohmann::ordered_json line;
      line["routed_experts"] = absl::Base64Escape(ids);
      line["shape"] = {end - start, header_.num_layer_groups, header_.k};
      line["seq_len"] = length;
      line["routed_experts_start_len"] = start;
      GROUTER_RETURN_IF_ERROR(file.Append(line.dump() + "\n"));
    }
    GROUTER_RETURN_IF_ERROR(file.Commit());
    return ExportReport{options_.output, "", ""};
  }

  absl::StatusOr<ExportReport> WriteRouterTrace() {
    if (has_weights())
      return Invalid("router traces hold ids only", "export a table without weights, or as npz");
    if (header_.k == 0) return Invalid("router traces need k > 0", "export as npz");
    GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(FileSystem::Local(), options_.output));
    for (uint64_t s = 0; s < table_.num_samples(); ++s) {
      GROUTER_ASSIGN_OR_RETURN(const std::vector<RouteView> views, Views(s));
      for (uint32_t group = 0; group < views.size(); ++group) {
        nlohmann::ordered_json line;
        line["step"] = s;
        line["stage"] = "pre_dispatch";
        line["block"] = "decoder";
        line["layer"] = group;
        line["rank"] = 0;
        line["num_tokens"] = views[group].num_tokens;
        line["topk"] = header_.k;
        auto& rows = line["top_indices"] = nlohmann::ordered_json::array();
        for (uint32_t t = 0; t < views[group].num_tokens; ++t) {
          auto row = nlohmann::ordered_json::array();
          for (uint32_t i = 0; i < header_.k; ++i) {
            row.push_back(MarkedId(views[group], t, i));
          }
          rows.push_back(std::move(row));
        }
        GROUTER_RETURN_IF_ERROR(file.Append(line.dump() + "\n"));
      }
    }
    GROUTER_RETURN_IF_ERROR(file.Commit());
    return ExportReport{options_.output, "", ""};
  }

  const RoutingTable& table_;
  const TableHeader& header_;
  const ExportOptions& options_;
  bool marked_ = false;
  uint64_t num_passes_ = 1;  // over all records
  uint64_t records_done_ = 0;
};

}  // namespace

absl::StatusOr<ExportReport> ExportTable(const RoutingTable& table, const ExportOptions& options) {
  return Exporter(table, options).Run();
}

}  // namespace grouter
