// Makes the sample index of a tokenized dataset (see sample_index.h for the terms).
//
//   documents -> splits, domain by domain -> seeded order -> packing -> samples with checksums and loss
//   counts
//
// Splitting goes by documents: each domain's documents are laid end to end in a seeded order and that line of
// tokens is cut at the splits' shares, so that every domain is in every split. A cut moves to the nearest
// document border unless that would take more than half of the smaller neighbour; then the document is cut.
#ifndef GROUTER_DATA_SAMPLE_INDEX_BUILDER_H_
#define GROUTER_DATA_SAMPLE_INDEX_BUILDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "data/token_manifest.h"

namespace grouter {

struct SplitShare {
  std::string name;
  uint32_t share = 0;  // parts of the sum of all shares; above 0
};

struct SampleIndexOptions {
  SampleIndexRules rules;  // sequence_length must be set
  std::vector<SplitShare> splits = {{"train", 95}, {"valid", 5}};
  std::function<void(uint64_t done_tokens, uint64_t total_tokens)> progress;
};

// A piece of a document in one split. Units: tokens.
struct DocumentPiece {
  TokenRange range;
  uint32_t domain = 0;
};

// Pure: the documents' lengths and domains to the splits' pieces, [split][...] in the order in which they are
// packed. Empty documents are left out. REQUIRES: valid shares, one domain < num_domains per document.
std::vector<std::vector<DocumentPiece>> SplitDocuments(absl::Span<const uint64_t> lengths,
                                                       absl::Span<const uint32_t> domains,
                                                       uint32_t num_domains,
                                                       absl::Span<const SplitShare> splits, uint64_t seed);

// `manifest` (null when there is none) gives domains, the tokenizer's digest and, where rules.eod_token is
// -1, the end-of-document token. Without it all documents are of the domain "default". A packed sample's
// domain is the one with most of its tokens (the lowest of equals). Errors: INVALID_ARGUMENT for options or a
// manifest that do not fit, a dataset of floats, no tokens.
absl::StatusOr<std::shared_ptr<const SampleIndex>> BuildSampleIndex(const IndexedDataset& dataset,
                                                                    const TokenManifest* manifest,
                                                                    const SampleIndexOptions& options);

}  // namespace grouter

#endif  // GROUTER_DATA_SAMPLE_INDEX_BUILDER_H_
