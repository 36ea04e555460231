#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "io/error.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference's own limit
constexpr size_t kMaxDimensions = 32;
constexpr char kMetadata[] = "__metadata__";

struct TypeFacts {
  TensorType type;
  absl::string_view name;
  uint32_t bytes;
};

constexpr TypeFacts kTypes[] = {
    {TensorType::kF64, "F64", 8},   {TensorType::kF32, "F32", 4}, {TensorType::kF16, "F16", 2},
    {TensorType::kBF16, "BF16", 2}, {TensorType::kI64, "I64", 8}, {TensorType::kI32, "I32", 4},
    {TensorType::kI16, "I16", 2},   {TensorType::kI8, "I8", 1},   {TensorType::kU8, "U8", 1},
    {TensorType::kU16, "U16", 2},   {TensorType::kU32, "U32", 4}, {TensorType::kBool, "BOOL", 1},
};

const TypeFacts& Facts(TensorType type) { return kTypes[static_cast<size_t>(type)]; }

absl::Status Malformed(absl::string_view what, absl::string_view where) {
  return Error(absl::StatusCode::kInvalidArgument, what, where,
               "this is not a whole safetensors file: copy or download it again");
}

// nullopt when the size in bytes does not fit 64 bits.
absl::optional<uint64_t> CheckedBytes(const std::vector<uint64_t>& shape, TensorType type) {
  uint64_t product = ElementBytes(type);
  for (const uint64_t extent : shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return absl::nullopt;
  }
  return product;
}

// A whole-number list, or nullopt.
absl::optional<std::vector<uint64_t>> Numbers(const Json& entry, const char* key, size_t max_size) {
  const auto it = entry.find(key);
  if (it == entry.end() || !it->is_array() || it->size() > max_size) return absl::nullopt;
  std::vector<uint64_t> numbers;
  for (const Json& value : *it) {
    if (!value.is_number_unsigned()) return absl::nullopt;
    numbers.push_back(value.get<uint64_t>());
  }
  return numbers;
}

absl::StatusOr<Json> ParseHeader(absl::string_view text, absl::string_view where) {
  std::vector<std::set<std::string>> keys;  // one set for each open object
  bool repeated = false;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      repeated |= !keys.back().insert(value.get_ref<const std::string&>()).second;
    }
    return true;
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (!header.is_object()) return Malformed("the header is not a JSON object", where);
  if (repeated) return Malformed("the header names something twice", where);
  return header;
}

absl::StatusOr<TensorView> ParseTensor(const std::string& name, const Json& entry, absl::string_view data,
                                       absl::string_view where) {
  const std::string place = absl::StrCat(where, ", tensor ", name);
  if (!entry.is_object()) return Malformed("a header entry is not an object", place);
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) return Malformed("dtype is missing", place);
  const auto* facts = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeFacts& f) {
    return f.name == dtype->get_ref<const std::string&>();
  });
  if (facts == std::end(kTypes)) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("element type ", dtype->get_ref<const std::string&>().substr(0, 16),
                              " is not supported"),
                 place, "convert the tensor to one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 U16 U32 BOOL");
  }
  auto shape = Numbers(entry, "shape", kMaxDimensions);
  if (!shape) return Malformed("shape is not a short list of whole numbers", place);
  const auto offsets = Numbers(entry, "data_offsets", 2);
  if (!offsets || offsets->size() != 2)
    return Malformed("data_offsets is not a pair of whole numbers", place);
  const uint64_t begin = (*offsets)[0];
  const uint64_t end = (*offsets)[1];
  if (begin > end || end > data.size()) {
    return Malformed(
        absl::StrCat("data_offsets [", begin, ", ", end, ") leave the ", data.size(), " bytes of data"),
        place);
  }
  if (CheckedBytes(*shape, facts->type) != absl::optional<uint64_t>(end - begin)) {
    return Malformed("the shape needs another number of bytes than data_offsets give", place);
  }
  return TensorView{{name, facts->type, *std::move(shape)}, data.substr(begin, end - begin)};
}

// Every byte belongs to exactly one tensor.
absl::Status CheckCover(const std::vector<TensorView>& tensors, absl::string_view data,
                        absl::string_view where) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    return std::make_tuple(a->bytes.data(), a->bytes.size()) <
           std::make_tuple(b->bytes.data(), b->bytes.size());
  });
  const char* next = data.data();
  for (const TensorView* tensor : order) {
    if (tensor->bytes.data() != next) {
      return Malformed(tensor->bytes.data() < next ? "two tensors share bytes" : "bytes lie between tensors",
                       absl::StrCat(where, ", tensor ", tensor->spec.name));
    }
    next += tensor->bytes.size();
  }
  if (next != data.data() + data.size()) return Malformed("bytes follow the last tensor", where);
  return absl::OkStatus();
}

}  // namespace

uint32_t ElementBytes(TensorType type) { return Facts(type).bytes; }
absl::string_view TensorTypeName(TensorType type) { return Facts(type).name; }

uint64_t TensorSpec::num_elements() const {
  uint64_t product = 1;
  for (const uint64_t extent : shape) product *= extent;
  return product;
}

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Parse(absl::string_view bytes,
                                                                              absl::string_view where) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes))
    return Malformed("the file is shorter than its length field", where);
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  bytes.remove_prefix(sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size()) {
    return Malformed(absl::StrCat("the header claims ", header_bytes, " bytes"), where);
  }
  const absl::string_view data = bytes.substr(header_bytes);
  GROUTER_ASSIGN_OR_RETURN(const Json header, ParseHeader(bytes.substr(0, header_bytes), where));
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->where_ = std::string(where);
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadata) {
      if (!entry.is_object()) return Malformed("__metadata__ is not an object", where);
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) return Malformed("__metadata__ holds something else than strings", where);
        file->metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    GROUTER_ASSIGN_OR_RETURN(TensorView tensor, ParseTensor(name, entry, data, where));
    file->tensors_.push_back(std::move(tensor));
  }
  GROUTER_RETURN_IF_ERROR(CheckCover(file->tensors_, data, where));
  std::sort(file->tensors_.begin(), file->tensors_.end(),
            [](const TensorView& a, const TensorView& b) { return a.spec.name < b.spec.name; });
  return std::shared_ptr<const SafetensorsFile>(std::move(file));
}

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Open(const std::string& path,
                                                                             FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, files.Map(path));
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const SafetensorsFile> parsed, Parse(mapped->bytes(), path));
  std::const_pointer_cast<SafetensorsFile>(parsed)->file_ = std::move(mapped);
  return parsed;
}

const TensorView* SafetensorsFile::Find(absl::string_view name) const {
  const auto it = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, absl::string_view wanted) { return tensor.spec.name < wanted; });
  return it != tensors_.end() && it->spec.name == name ? &*it : nullptr;
}

absl::StatusOr<TensorView> SafetensorsFile::Get(absl::string_view name,
                                                absl::Span<const uint64_t> shape) const {
  const TensorView* tensor = Find(name);
  if (tensor == nullptr) {
    return Error(absl::StatusCode::kNotFound, absl::StrCat("there is no tensor ", name), where_,
                 "is this the right file?");
  }
  if (absl::MakeConstSpan(tensor->spec.shape) != shape) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("tensor ", name, " has shape [", absl::StrJoin(tensor->spec.shape, ", "),
                              "], not [", absl::StrJoin(shape, ", "), "]"),
                 where_, "use the configuration that belongs to this file");
  }
  return *tensor;
}

absl::StatusOr<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::Create(
    const std::string& path, std::vector<TensorSpec> tensors,
    const std::map<std::string, std::string>& metadata, FileSystem& files) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorSpec& a, const TensorSpec& b) {
    return std::make_tuple(ElementBytes(b.type), absl::string_view(a.name)) <
           std::make_tuple(ElementBytes(a.type), absl::string_view(b.name));
  });
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const auto bytes = CheckedBytes(tensor.shape, tensor.type);
    uint64_t end = 0;
    if (!bytes || __builtin_add_overflow(offset, *bytes, &end)) {
      return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("tensor ", tensor.name, " is too large"),
                   path);
    }
    if (tensor.name.empty() || tensor.name == kMetadata || header.contains(tensor.name)) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("tensor name \"", tensor.name, "\" is empty, reserved or there twice"), path,
                   "give every tensor a name of its own");
    }
    header[tensor.name] = {{"dtype", std::string(TensorTypeName(tensor.type))},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t header_bytes = text.size();
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, path));
  GROUTER_RETURN_IF_ERROR(
      file.Append(absl::string_view(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes))));
  GROUTER_RETURN_IF_ERROR(file.Append(text));
  return std::unique_ptr<SafetensorsWriter>(
      new SafetensorsWriter(std::move(file), std::move(tensors), offset));
}

absl::Status SafetensorsWriter::Append(absl::string_view bytes) {
  if (bytes.size() > missing_bytes_) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat(bytes.size(), " bytes given where the tensors have ", missing_bytes_, " left"));
  }
  GROUTER_RETURN_IF_ERROR(file_.Append(bytes));
  missing_bytes_ -= bytes.size();
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::Commit() {
  if (missing_bytes_ != 0) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat(missing_bytes_, " bytes of tensors are missing"));
  }
  return file_.Commit();
}

absl::Status WriteSafetensors(const std::string& path, std::vector<TensorView> tensors,
                              const std::map<std::string, std::string>& metadata, FileSystem& files) {
  std::map<std::string, absl::string_view> bytes;
  std::vector<TensorSpec> specs;
  for (const TensorView& tensor : tensors) {
    if (CheckedBytes(tensor.spec.shape, tensor.spec.type) != absl::optional<uint64_t>(tensor.bytes.size())) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("tensor ", tensor.spec.name, " has ", tensor.bytes.size(),
                                " bytes, another number than its shape needs"),
                   path);
    }
    bytes[tensor.spec.name] = tensor.bytes;
    specs.push_back(tensor.spec);
  }
  GROUTER_ASSIGN_OR_RETURN(auto writer, SafetensorsWriter::Create(path, std::move(specs), metadata, files));
  for (const TensorSpec& spec : writer->layout()) GROUTER_RETURN_IF_ERROR(writer->Append(bytes[spec.name]));
  return writer->Commit();
}

}  // namespace grouter
