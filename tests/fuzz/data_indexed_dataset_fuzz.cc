// Megatron .idx files beside a small .bin: what opens can be read to its end.
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/indexed_dataset.h"
#include "io/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const prefix = [] {
    auto* path = new std::string(absl::StrCat("/tmp/grouter_indexed_dataset_fuzz_", getpid()));
    GROUTER_CHECK(
        grouter::WriteFileAtomically(grouter::FileSystem::Local(), *path + ".bin", std::string(64, '\1'))
            .ok());
    return path;
  }();
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto file = grouter::FileSystem::Local().Create(*prefix + ".idx");
  GROUTER_CHECK(file.ok() && (*file)->Append(bytes).ok());
  const auto dataset = grouter::IndexedDataset::Open(*prefix);
  if (!dataset.ok()) return 0;
  for (uint64_t document = 0; document < (*dataset)->num_documents(); ++document) {
    const uint64_t length = (*dataset)->document_length(document);
    if (length > size_t{1} << 20) continue;  // many sequences over the same bytes
    std::vector<uint32_t> ids(length);
    (*dataset)->ReadDocument(document, 0, absl::MakeSpan(ids)).IgnoreError();
  }
  return 0;
}
