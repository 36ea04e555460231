// Any bytes as JSON lines of captured routes and of router traces; then every sample is read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "routing/table/exchange/jsonl_source.h"
#include "tests/testing/tables/memory_files.h"

namespace {

void ReadAll(grouter::RouteSource* source) {
  const grouter::RouteSourceShape& shape = source->shape();
  grouter::TableHeader header;
  header.num_experts = 256;
  header.k = shape.k;
  header.per_token_k = true;
  for (uint64_t s = 0; s < shape.lengths.size(); ++s) {
    // Lengths are what a line says: what follows from them is the importer's to bound.
    if (uint64_t{shape.lengths[s]} * shape.num_layer_groups > 4096) continue;
    std::vector<grouter::RouteBuffer> buffers(shape.num_layer_groups,
                                              grouter::RouteBuffer(header, shape.lengths[s]));
    source->Read(s, &buffers).IgnoreError();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  grouter::testing::MemoryFiles files;
  files.Put("x", std::string(reinterpret_cast<const char*>(data), size));
  grouter::JsonlSourceOptions options;
  options.path = "x";
  options.num_experts = 256;
  options.per_token_k = true;
  auto trace = grouter::OpenRouterTraceSource(options, files);
  if (trace.ok()) ReadAll(trace->get());
  auto captured = grouter::OpenRoutedExpertsSource(options, files);
  if (captured.ok()) ReadAll(captured->get());
  options.k = 2;
  options.num_layer_groups = 2;
  captured = grouter::OpenRoutedExpertsSource(options, files);
  if (captured.ok()) ReadAll(captured->get());
  return 0;
}
