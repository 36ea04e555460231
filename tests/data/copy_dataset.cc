// Reads a .bin/.idx pair and writes it again: copy_dataset FROM_PREFIX TO_PREFIX. Prints its ids, one
// document a line, when they are integers. For indexed_dataset_oracle_test.py.
#include <cstdio>
#include <vector>

#include "data/indexed_dataset.h"
#include "io/error.h"

namespace grouter {
namespace {

absl::Status Copy(const std::string& from, const std::string& to) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const IndexedDataset> dataset, IndexedDataset::Open(from));
  GROUTER_ASSIGN_OR_RETURN(IndexedDatasetWriter writer,
                           IndexedDatasetWriter::Create(FileSystem::Local(), to, dataset->type()));
  for (uint64_t d = 0; d < dataset->num_documents(); ++d) {
    for (uint64_t s = dataset->document_begin(d); s < dataset->document_end(d); ++s) {
      GROUTER_RETURN_IF_ERROR(writer.AddSequenceBytes(dataset->sequence_bytes(s), dataset->sequence_mode(s)));
    }
    writer.EndDocument();
    if (!IsIntegerType(dataset->type())) continue;
    std::vector<uint32_t> ids(dataset->document_length(d));
    GROUTER_RETURN_IF_ERROR(dataset->ReadDocument(d, 0, absl::MakeSpan(ids)));
    for (const uint32_t id : ids) std::printf("%u ", id);
    std::printf("\n");
  }
  return writer.Finish();
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const absl::Status status = grouter::Copy(argv[1], argv[2]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return grouter::ExitCode(status);
}
