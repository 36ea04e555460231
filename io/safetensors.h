// safetensors: named tensors in one file, the format of every weight Grouter reads or writes.
//   u64 header length, little-endian | JSON header | data
// The header maps a name to {"dtype", "shape", "data_offsets": [begin, end)} with offsets into the data, and
// "__metadata__" to strings. Source: https://github.com/huggingface/safetensors (format section).
#ifndef GROUTER_IO_SAFETENSORS_H_
#define GROUTER_IO_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/file.h"

namespace grouter {

enum class TensorType : uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kU16, kU32, kBool };

// Bytes of one element: 8, 4, 2 or 1.
uint32_t ElementBytes(TensorType type);
// As written in files: "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "U16", "U32", "BOOL".
absl::string_view TensorTypeName(TensorType type);

// What a tensor is, apart from its values. Row-major; an empty shape is one element.
struct TensorSpec {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<uint64_t> shape;

  uint64_t num_elements() const;  // REQUIRES: the product fits 64 bits (files are checked)
  uint64_t num_bytes() const { return num_elements() * ElementBytes(type); }
};

// A tensor as it lies in a file. `bytes` belongs to the file, holds exactly spec.num_bytes() and need not be
// aligned in files that others wrote: copy, or check before casting.
struct TensorView {
  TensorSpec spec;
  absl::string_view bytes;
};

// A file opened for reading: the header is parsed and every offset checked, the data stays mapped.
// Immutable and thread-safe; views live as long as the object.
class SafetensorsFile {
 public:
  // NOT_FOUND; INVALID_ARGUMENT when it is not safetensors (cut, too long, overlapping or uncovered bytes,
  // sizes that disagree with shapes, a name twice); UNIMPLEMENTED for an element type we lack.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Open(const std::string& path,
                                                                     FileSystem& files = FileSystem::Local());
  // The same from bytes, which must outlive the object. `where` names them in errors.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Parse(absl::string_view bytes,
                                                                      absl::string_view where);

  // Ascending by name.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // nullptr when there is none of that name.
  const TensorView* Find(absl::string_view name) const;
  // NOT_FOUND, or INVALID_ARGUMENT when the shape is another; both name the file and the tensor.
  absl::StatusOr<TensorView> Get(absl::string_view name, absl::Span<const uint64_t> shape) const;

 private:
  SafetensorsFile() = default;
  std::string where_;
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes a file tensor by tensor, so that no more than one piece is in memory; it appears by rename on
// Commit. Tensors are laid out by element size (largest first), then by name, so that equal content gives
// equal bytes and data is aligned. One thread at a time.
//
//   for (const TensorSpec& spec : writer.layout()) { writer.Append(bytes of spec); }
//   writer.Commit();
class SafetensorsWriter {
 public:
  // INVALID_ARGUMENT for a name twice, an empty name, or "__metadata__".
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>> Create(
      const std::string& path, std::vector<TensorSpec> tensors,
      const std::map<std::string, std::string>& metadata = {}, FileSystem& files = FileSystem::Local());

  // The order in which bytes are expected.
  const std::vector<TensorSpec>& layout() const { return layout_; }
  // The next bytes of the layout, in pieces of any size. OUT_OF_RANGE past its end.
  absl::Status Append(absl::string_view bytes);
  // FAILED_PRECONDITION when bytes are missing.
  absl::Status Commit();

 private:
  SafetensorsWriter(AtomicFile file, std::vector<TensorSpec> layout, uint64_t num_bytes)
      : file_(std::move(file)), layout_(std::move(layout)), missing_bytes_(num_bytes) {}
  AtomicFile file_;
  std::vector<TensorSpec> layout_;
  uint64_t missing_bytes_;
};

// Create, append all, commit. Views' bytes must have their spec's size: INVALID_ARGUMENT.
absl::Status WriteSafetensors(const std::string& path, std::vector<TensorView> tensors,
                              const std::map<std::string, std::string>& metadata = {},
                              FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_IO_SAFETENSORS_H_
