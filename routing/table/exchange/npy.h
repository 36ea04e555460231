// NumPy's .npy (format 1.0 to 3.0) and .npz files: integer and float arrays in C order, no pickles.
// Source: numpy/lib/format.py (NEP 1).
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_NPY_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_NPY_H_

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
#include "io/safetensors.h"

namespace grouter {

// An array as it lies in a file. A view: `bytes` belongs to whoever gave them, and need not be aligned.
struct ArrayView {
  TensorType type = TensorType::kF32;
  std::vector<uint64_t> shape;
  absl::string_view bytes;

  uint64_t num_elements() const;
  // REQUIRES: i < num_elements(). Integers and bool exactly (unsigned 64-bit is refused by ParseNpy); floats
  // are cut to integers.
  int64_t Integer(uint64_t i) const;
  // Any type.
  double Number(uint64_t i) const;
  bool IsInteger() const;
};

// INVALID_ARGUMENT with the byte: not .npy, an object (pickle) or structured type, Fortran order, big-endian,
// bytes that do not fit the shape. Never allocates more than the header's length.
absl::StatusOr<ArrayView> ParseNpy(absl::string_view bytes);
// Magic to the end of the header, padded to 64 bytes as NumPy pads.
std::string NpyHeader(TensorType type, absl::Span<const uint64_t> shape);

// The arrays of an .npz. Members are unpacked one by one into a temporary file, so that memory does not grow
// with them; that file is unlinked at once. Immutable and thread-safe.
class NpzFile {
 public:
  // NOT_FOUND; INVALID_ARGUMENT when it is not a zip of .npy files; DATA_LOSS when a member is damaged.
  // `temp_folder` takes the temporary files; empty: the archive's own folder.
  static absl::StatusOr<std::shared_ptr<const NpzFile>> Open(const std::string& path,
                                                             const std::string& temp_folder = "",
                                                             FileSystem& files = FileSystem::Local());
  // nullptr when there is none of that name (without ".npy").
  const ArrayView* Find(absl::string_view name) const;

 private:
  NpzFile() = default;
  std::map<std::string, ArrayView> arrays_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

// Writes an .npz of stored members from .npy files. The archive appears by rename; equal members give equal
// bytes (no time of day in it).
absl::Status WriteNpz(const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& name_and_file);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_NPY_H_
