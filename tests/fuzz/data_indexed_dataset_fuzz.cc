// Megatron .idx files beside a small .bin: what opens can be read to its end.
#include <cstdint>
#include <string>
#include <vector>

#include "data/indexed_dataset.h"
#include "tests/testing/tables/memory_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  grouter::testing::MemoryFiles files;
  files.Put("x.bin", std::string(64, '\1'));
  files.Put("x.idx", std::string(reinterpret_cast<const char*>(data), size));
  const auto dataset = grouter::IndexedDataset::Open("x", files);
  if (!dataset.ok()) return 0;
  for (uint64_t document = 0; document < (*dataset)->num_documents(); ++document) {
    const uint64_t length = (*dataset)->document_length(document);
    if (length > size_t{1} << 20) continue;  // many sequences over the same bytes
    std::vector<uint32_t> ids(length);
    (*dataset)->ReadDocument(document, 0, absl::MakeSpan(ids)).IgnoreError();
  }
  return 0;
}
