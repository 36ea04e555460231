// Any bytes as an .npz archive; then every array in it is looked at.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "routing/table/exchange/npy.h"
#include "tests/testing/tables/memory_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // libzip opens a path; what is unpacked goes into memory.
  static const int fd = memfd_create("npz", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) return 0;
  grouter::testing::MemoryFiles files;
  files.SetCapacity(uint64_t{64} << 20);
  files.Put(path, "");
  const auto npz = grouter::NpzFile::Open(path, "temp", files);
  if (!npz.ok()) return 0;
  for (const char* name : {"ids", "weights", "seq_len"}) {
    const grouter::ArrayView* array = (*npz)->Find(name);
    if (array != nullptr && array->num_elements() > 0) array->Number(array->num_elements() - 1);
  }
  return 0;
}
