#include "data/tokenize.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/indexed_dataset.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kBatchBytes = uint64_t{16} << 20;  // of text between two writes

// Tokenizes documents [begin, begin + ids->size()) on all encoders at once; ids[i] is document begin + i.
void EncodeBatch(const Corpus& corpus, uint64_t begin, const TokenizeOptions& options,
                 std::vector<Encoder>* encoders, std::vector<std::vector<uint32_t>>* ids) {
  std::atomic<uint64_t> next{0};
  const auto work = [&](Encoder* encoder) {
    for (uint64_t i = next.fetch_add(1); i < ids->size(); i = next.fetch_add(1)) {
      (*ids)[i].clear();
      encoder->Encode(corpus.text(begin + i), &(*ids)[i], options.special_tokens);
    }
  };
  std::vector<std::thread> threads;
  for (size_t t = 1; t < encoders->size(); ++t) threads.emplace_back(work, &(*encoders)[t]);
  work(&encoders->front());
  for (std::thread& thread : threads) thread.join();
}

uint64_t EndOfBatch(const Corpus& corpus, uint64_t begin) {
  uint64_t end = begin, bytes = 0;
  while (end < corpus.num_documents() && bytes < kBatchBytes) bytes += corpus.document(end++).bytes;
  return end;
}

}  // namespace

absl::StatusOr<TokenManifest> TokenizeCorpus(const Corpus& corpus, const Tokenizer& tokenizer,
                                             const std::string& prefix, const TokenizeOptions& options,
                                             FileSystem& files) {
  const TokenType type = TokenTypeForVocabulary(tokenizer.vocab_size());
  GROUTER_ASSIGN_OR_RETURN(IndexedDatasetWriter writer, IndexedDatasetWriter::Create(files, prefix, type));
  std::vector<Encoder> encoders;
  for (uint32_t t = 0; t < std::max(options.num_threads, 1u); ++t) encoders.emplace_back(tokenizer);
  TokenManifest manifest;
  manifest.tokenizer_digest = tokenizer.digest();
  manifest.corpus_digest = corpus.digest();
  manifest.vocab_size = tokenizer.vocab_size();
  manifest.eod_token = options.append_eod ? int64_t{tokenizer.eod_id()} : -1;
  manifest.num_documents = corpus.num_documents();
  manifest.domains = corpus.domains();
  uint64_t done_bytes = 0;
  for (uint64_t begin = 0; begin < corpus.num_documents();) {
    const uint64_t end = EndOfBatch(corpus, begin);
    std::vector<std::vector<uint32_t>> ids(end - begin);
    EncodeBatch(corpus, begin, options, &encoders, &ids);
    for (uint64_t document = begin; document < end; ++document) {
      std::vector<uint32_t>& tokens = ids[document - begin];
      if (options.append_eod) tokens.push_back(tokenizer.eod_id());
      GROUTER_RETURN_IF_ERROR(writer.AddSequence(tokens));
      writer.EndDocument();
      const uint32_t domain = corpus.document(document).domain;
      if (manifest.domain_runs.empty() || manifest.domain_runs.back().domain != domain) {
        manifest.domain_runs.push_back({domain, 0});
      }
      ++manifest.domain_runs.back().num_documents;
      done_bytes += corpus.document(document).bytes;
    }
    if (options.progress) options.progress(done_bytes, corpus.num_bytes());
    begin = end;
  }
  manifest.num_tokens = writer.num_tokens();
  // The old pair loses its index before anything of the new one appears.
  GROUTER_RETURN_IF_ERROR(files.Remove(absl::StrCat(prefix, ".idx")));
  const std::string manifest_path = absl::StrCat(prefix, ".json");
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(files, manifest_path, manifest.ToJson()));
  if (const absl::Status finished = writer.Finish(); !finished.ok()) {
    files.Remove(manifest_path).IgnoreError();
    return finished;
  }
  return manifest;
}

}  // namespace grouter
