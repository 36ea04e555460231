// A corpus: documents of text with a domain each, collected from a folder into one artefact.
//
//   FOLDER/documents.bin   the documents' bytes end to end
//   FOLDER/corpus.json     domains; per document name, domain, offset, bytes, SHA-256; totals; digest
//
// The manifest appears last, so a folder with a manifest is whole.
#ifndef GROUTER_DATA_CORPUS_H_
#define GROUTER_DATA_CORPUS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

struct CorpusDocument {
  std::string name;     // path below its domain's folder, with '/'
  uint32_t domain = 0;  // index into Corpus::domains()
  uint64_t offset = 0;  // bytes into documents.bin
  uint64_t bytes = 0;
  Digest sha256;  // of these bytes
};

struct CorpusOptions {
  // Bytes kept of each domain, 0: all. Documents are taken in order; the one that would pass the limit is cut
  // before a character, the rest is left out.
  uint64_t max_bytes_per_domain = 0;
  // Called after each document with bytes read so far and in total.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// Immutable and thread-safe; documents.bin is mapped.
class Corpus {
 public:
  // INVALID_ARGUMENT when it is no corpus; DATA_LOSS when documents.bin does not fit its manifest;
  // UNIMPLEMENTED for a newer version.
  static absl::StatusOr<std::shared_ptr<const Corpus>> Open(const std::string& folder,
                                                            FileSystem& files = FileSystem::Local());
  // Parses corpus.json alone (the documents stay unmapped). `where` names the file.
  static absl::StatusOr<std::shared_ptr<const Corpus>> ParseManifest(absl::string_view json,
                                                                     absl::string_view where);

  const std::vector<std::string>& domains() const { return domains_; }
  uint64_t num_documents() const { return documents_.size(); }
  uint64_t num_bytes() const { return num_bytes_; }
  // REQUIRES: i < num_documents().
  const CorpusDocument& document(uint64_t i) const { return documents_[i]; }
  // REQUIRES: opened from a folder. Bytes as they were read, any encoding.
  absl::string_view text(uint64_t i) const {
    return bin_->bytes().substr(documents_[i].offset, documents_[i].bytes);
  }
  // Over domains and documents (name, domain, bytes, SHA-256) in order.
  const Digest& digest() const { return digest_; }
  // Recomputes every document's SHA-256; DATA_LOSS names the first that differs.
  absl::Status Verify() const;

 private:
  friend absl::StatusOr<std::shared_ptr<const Corpus>> BuildCorpus(const std::string&, const std::string&,
                                                                   const CorpusOptions&, FileSystem&);
  Digest ComputeDigest() const;
  std::string ManifestJson() const;

  std::vector<std::string> domains_;
  std::vector<CorpusDocument> documents_;
  uint64_t num_bytes_ = 0;
  Digest digest_;
  std::shared_ptr<const MappedFile> bin_;
};

// Collects the regular files below `from`: a sub-folder is a domain, a file in it (at any depth) a document,
// files directly in `from` are the domain "default"; domains and documents in byte order of their names.
// Names that start with a dot and empty files are left out. Writes the artefact folder `to` and opens it.
// Errors: NOT_FOUND when `from` is not there, INVALID_ARGUMENT when it is not a folder or holds no text.
absl::StatusOr<std::shared_ptr<const Corpus>> BuildCorpus(const std::string& from, const std::string& to,
                                                          const CorpusOptions& options,
                                                          FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_DATA_CORPUS_H_
