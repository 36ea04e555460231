#include "routing/table/exchange/npy.h"

#include <unistd.h>
#include <zip.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "io/error.h"
#include "routing/table/exchange/inflate.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr uint64_t kMaxHeaderBytes = 65536;
constexpr uint64_t kMaxMembers = 64;
constexpr size_t kPieceBytes = 1 << 20;

struct TypeCode {
  absl::string_view code;  // without byte order
  TensorType type;
};
constexpr TypeCode kTypeCodes[] = {
    {"f8", TensorType::kF64}, {"f4", TensorType::kF32}, {"f2", TensorType::kF16},  {"i8", TensorType::kI64},
    {"i4", TensorType::kI32}, {"i2", TensorType::kI16}, {"i1", TensorType::kI8},   {"u1", TensorType::kU8},
    {"u2", TensorType::kU16}, {"u4", TensorType::kU32}, {"b1", TensorType::kBool},
};

absl::Status BadNpy(absl::string_view what, uint64_t offset) {
  return Error(absl::StatusCode::kInvalidArgument, what, absl::StrCat(".npy at byte ", offset),
               "save a plain integer or float array with numpy.save");
}

// The value of 'key' in the header's dictionary, up to `end`.
absl::string_view ValueOf(absl::string_view header, absl::string_view key, absl::string_view end) {
  const size_t at = header.find(absl::StrCat("'", key, "'"));
  if (at == absl::string_view::npos) return "";
  header.remove_prefix(at + key.size() + 2);
  header = absl::StripLeadingAsciiWhitespace(header);
  if (!absl::ConsumePrefix(&header, ":")) return "";
  header = absl::StripLeadingAsciiWhitespace(header);
  const size_t stop = header.find(end);
  return stop == absl::string_view::npos ? "" : header.substr(0, stop);
}

template <typename T>
T Load(absl::string_view bytes, uint64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

absl::Status DamagedMember(absl::string_view name, absl::string_view path) {
  return Error(absl::StatusCode::kDataLoss, absl::StrCat("array ", name, " is damaged"), path,
               "save it again");
}

// Copies member `index`, unpacked, to `out`. Members in DEFLATE are read as they lie and unpacked here;
// libzip unpacks any other coding.
absl::Status UnpackMember(zip_t* zip, uint64_t index, const zip_stat_t& info, const std::string& path,
                          WritableFile* out) {
  const bool deflated = (info.valid & ZIP_STAT_COMP_METHOD) != 0 && info.comp_method == ZIP_CM_DEFLATE &&
                        (info.valid & ZIP_STAT_CRC) != 0 && (info.valid & ZIP_STAT_SIZE) != 0;
  std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> member(
      zip_fopen_index(zip, index, deflated ? ZIP_FL_COMPRESSED : 0), zip_fclose);
  if (member == nullptr) return DamagedMember(info.name, path);
  std::string piece(kPieceBytes, 0);
  const auto read = [&]() -> absl::StatusOr<absl::string_view> {
    const int64_t n = zip_fread(member.get(), &piece[0], piece.size());
    if (n < 0) return DamagedMember(info.name, path);
    return absl::string_view(piece).substr(0, n);
  };
  uint64_t total = 0;
  const auto write = [&](absl::string_view bytes) {
    total += bytes.size();
    return total > info.size ? DamagedMember(info.name, path) : out->Append(bytes);
  };
  if (deflated) {
    absl::StatusOr<uint32_t> crc = Inflate(read, info.size, write);
    if (!crc.ok()) return Annotate(crc.status(), absl::StrCat(path, ", array ", info.name));
    return *crc == info.crc && total == info.size ? absl::OkStatus() : DamagedMember(info.name, path);
  }
  while (true) {
    GROUTER_ASSIGN_OR_RETURN(const absl::string_view bytes, read());
    if (bytes.empty()) return absl::OkStatus();
    GROUTER_RETURN_IF_ERROR(write(bytes));
  }
}

}  // namespace

uint64_t ArrayView::num_elements() const { return bytes.size() / ElementBytes(type); }

bool ArrayView::IsInteger() const {
  return type != TensorType::kF64 && type != TensorType::kF32 && type != TensorType::kF16 &&
         type != TensorType::kBF16;
}

int64_t ArrayView::Integer(uint64_t i) const {
  switch (type) {
    case TensorType::kI64:
      return Load<int64_t>(bytes, i);
    case TensorType::kI32:
      return Load<int32_t>(bytes, i);
    case TensorType::kI16:
      return Load<int16_t>(bytes, i);
    case TensorType::kI8:
      return Load<int8_t>(bytes, i);
    case TensorType::kU8:
    case TensorType::kBool:
      return Load<uint8_t>(bytes, i);
    case TensorType::kU16:
      return Load<uint16_t>(bytes, i);
    case TensorType::kU32:
      return Load<uint32_t>(bytes, i);
    default:
      return static_cast<int64_t>(Number(i));
  }
}

double ArrayView::Number(uint64_t i) const {
  switch (type) {
    case TensorType::kF64:
      return Load<double>(bytes, i);
    case TensorType::kF32:
      return Load<float>(bytes, i);
    case TensorType::kF16:
      return Float16ToFloat(Load<uint16_t>(bytes, i));
    case TensorType::kBF16:
      return BFloat16ToFloat(Load<uint16_t>(bytes, i));
    default:
      return static_cast<double>(Integer(i));
  }
}

absl::StatusOr<ArrayView> ParseNpy(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic) || bytes.size() < 10) return BadNpy("not a .npy file", 0);
  const uint8_t major = static_cast<uint8_t>(bytes[6]);
  if (major < 1 || major > 3) return BadNpy(absl::StrCat("unknown .npy version ", major), 6);
  const uint64_t begin = major == 1 ? 10 : 12;
  if (bytes.size() < begin) return BadNpy("the header is cut short", bytes.size());
  const uint64_t length =
      major == 1 ? Load<uint16_t>(bytes.substr(8), 0) : Load<uint32_t>(bytes.substr(8), 0);
  if (length > kMaxHeaderBytes || length > bytes.size() - begin)
    return BadNpy("the header is cut short", begin);
  const absl::string_view header = bytes.substr(begin, length);

  ArrayView array;
  absl::string_view descr = ValueOf(header, "descr", ",");
  if (!absl::ConsumePrefix(&descr, "'") || !absl::ConsumeSuffix(&descr, "'") || descr.size() != 3) {
    return BadNpy("the array's type is not a plain number", begin);
  }
  if (descr[0] == '>' && descr[2] != '1') return BadNpy("the array is big-endian", begin);
  bool known = false;
  for (const TypeCode& code : kTypeCodes) {
    if (descr.substr(1) != code.code) continue;
    array.type = code.type;
    known = true;
  }
  if (!known) return BadNpy(absl::StrCat("type ", descr, " is not supported"), begin);
  const absl::string_view order = ValueOf(header, "fortran_order", ",");
  if (order != "False" && order != "True") return BadNpy("fortran_order is missing", begin);
  absl::string_view shape = ValueOf(header, "shape", ")");
  if (!absl::ConsumePrefix(&shape, "(")) return BadNpy("shape is missing", begin);
  array.bytes = bytes.substr(begin + length);
  uint64_t count = 1;
  while (!(shape = absl::StripAsciiWhitespace(shape)).empty()) {
    const size_t comma = std::min(shape.find(','), shape.size());
    uint64_t dimension;
    if (array.shape.size() == 8 || !absl::SimpleAtoi(shape.substr(0, comma), &dimension)) {
      return BadNpy("shape is not a list of sizes", begin);
    }
    if (dimension != 0 && count > array.bytes.size() / dimension)
      return BadNpy("the data is cut short", bytes.size());
    count *= dimension;
    array.shape.push_back(dimension);
    shape.remove_prefix(std::min(comma + 1, shape.size()));
  }
  if (order == "True" && array.shape.size() > 1) {
    return BadNpy("the array is in Fortran order: use numpy.ascontiguousarray", begin);
  }
  if (count * ElementBytes(array.type) != array.bytes.size()) {
    return BadNpy(absl::StrCat("the data has ", array.bytes.size(), " bytes, the shape says ",
                               count * ElementBytes(array.type)),
                  begin + length);
  }
  return array;
}

std::string NpyHeader(TensorType type, absl::Span<const uint64_t> shape) {
  absl::string_view code = "f4";
  for (const TypeCode& c : kTypeCodes) {
    if (c.type == type) code = c.code;
  }
  std::string dict = absl::StrCat("{'descr': '", ElementBytes(type) == 1 ? "|" : "<", code,
                                  "', 'fortran_order': False, 'shape': (", absl::StrJoin(shape, ", "),
                                  shape.size() == 1 ? ",), }" : "), }");
  dict.append((64 - (10 + dict.size() + 1) % 64) % 64, ' ');
  dict.push_back('\n');
  std::string out(kMagic);
  out.append("\1\0", 2);
  const uint16_t length = static_cast<uint16_t>(dict.size());
  out.append(reinterpret_cast<const char*>(&length), 2);
  return out + dict;
}

absl::StatusOr<std::shared_ptr<const NpzFile>> NpzFile::Open(const std::string& path,
                                                             const std::string& temp_folder,
                                                             FileSystem& files) {
  if (!files.Exists(path)) return Error(absl::StatusCode::kNotFound, "no such file", path, "check the path");
  int code = 0;
  std::unique_ptr<zip_t, void (*)(zip_t*)> zip(zip_open(path.c_str(), ZIP_RDONLY, &code),
                                               [](zip_t* z) { zip_discard(z); });
  if (zip == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "not an .npz (zip) file", path,
                 "save it with numpy.savez");
  }
  const int64_t members = zip_get_num_entries(zip.get(), 0);
  if (members > static_cast<int64_t>(kMaxMembers)) {
    return Error(absl::StatusCode::kInvalidArgument, "more than 64 arrays", path, "save fewer arrays");
  }
  std::shared_ptr<NpzFile> npz(new NpzFile);
  static std::atomic<uint64_t> counter{0};
  for (int64_t i = 0; i < members; ++i) {
    zip_stat_t info;
    if (zip_stat_index(zip.get(), i, 0, &info) != 0 || info.name == nullptr) {
      return Error(absl::StatusCode::kDataLoss, absl::StrCat("member ", i, " is damaged"), path,
                   "save it again");
    }
    std::string name = info.name;
    if (!absl::EndsWith(name, ".npy")) continue;
    name.resize(name.size() - 4);
    const std::string temp = absl::StrCat(temp_folder.empty() ? path : JoinPath(temp_folder, "npz"),
                                          ".unpacked.tmp.", ::getpid(), ".", counter.fetch_add(1));
    absl::StatusOr<std::unique_ptr<WritableFile>> out = files.Create(temp);
    if (!out.ok()) return out.status();
    const absl::Status status = UnpackMember(zip.get(), i, info, path, out->get());
    absl::StatusOr<std::shared_ptr<const MappedFile>> mapped = files.Map(temp);
    files.Remove(temp).IgnoreError();
    if (!status.ok()) return status;
    if (!mapped.ok()) return mapped.status();
    absl::StatusOr<ArrayView> array = ParseNpy((*mapped)->bytes());
    if (!array.ok()) return Annotate(array.status(), absl::StrCat(path, ", array ", name));
    npz->arrays_[name] = *std::move(array);
    npz->files_.push_back(*std::move(mapped));
  }
  return std::shared_ptr<const NpzFile>(std::move(npz));
}

const ArrayView* NpzFile::Find(absl::string_view name) const {
  const auto it = arrays_.find(std::string(name));
  return it == arrays_.end() ? nullptr : &it->second;
}

absl::Status WriteNpz(const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& name_and_file) {
  const std::string temp = absl::StrCat(path, ".tmp.", ::getpid());
  auto failed = [&](absl::string_view what) {
    return Error(absl::StatusCode::kUnknown, what, path, "check free space and permissions");
  };
  int code = 0;
  std::unique_ptr<zip_t, void (*)(zip_t*)> zip(zip_open(temp.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code),
                                               [](zip_t* z) { zip_discard(z); });
  if (zip == nullptr) return failed("cannot make the archive");
  for (const auto& member : name_and_file) {
    zip_source_t* source = zip_source_file(zip.get(), member.second.c_str(), 0, -1);
    const int64_t index =
        source == nullptr ? -1 : zip_file_add(zip.get(), (member.first + ".npy").c_str(), source, 0);
    if (index < 0) {
      if (source != nullptr) zip_source_free(source);
      return failed("cannot add an array to the archive");
    }
    zip_set_file_compression(zip.get(), index, ZIP_CM_STORE, 0);
    zip_file_set_dostime(zip.get(), index, 0, 0x21, 0);  // 1980-01-01
  }
  if (zip_close(zip.get()) != 0) {
    const std::string why = zip_strerror(zip.get());
    FileSystem::Local().Remove(temp).IgnoreError();
    return failed(absl::StrCat("cannot write the archive: ", why));
  }
  zip.release();
  return FileSystem::Local().Rename(temp, path);
}

}  // namespace grouter
