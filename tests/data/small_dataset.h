// A dataset of documents given as ids, written below the test's folder and opened.
#ifndef GROUTER_TESTS_DATA_SMALL_DATASET_H_
#define GROUTER_TESTS_DATA_SMALL_DATASET_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "data/indexed_dataset.h"
#include "data/token_manifest.h"
#include "io/random.h"

namespace grouter {

using Documents = std::vector<std::vector<uint32_t>>;

inline std::shared_ptr<const IndexedDataset> SmallDataset(const Documents& documents,
                                                          TokenType type = TokenType::kInt32) {
  const std::string prefix =
      ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  auto writer = IndexedDatasetWriter::Create(FileSystem::Local(), prefix, type);
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const auto& document : documents) {
    EXPECT_TRUE(writer->AddSequence(document).ok());
    writer->EndDocument();
  }
  EXPECT_TRUE(writer->Finish().ok());
  auto dataset = IndexedDataset::Open(prefix);
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return *dataset;
}

// Documents of 0..max_length random ids below `vocab_size`, each with `eod` behind it unless negative.
inline Documents RandomDocuments(uint64_t seed, size_t count, uint64_t max_length, uint32_t vocab_size,
                                 int64_t eod) {
  Random random(seed);
  Documents documents(count);
  for (auto& document : documents) {
    document.resize(random.Below(max_length + 1));
    for (uint32_t& id : document) id = static_cast<uint32_t>(random.Below(vocab_size));
    if (eod >= 0) document.push_back(static_cast<uint32_t>(eod));
  }
  return documents;
}

// Domains "d0", "d1", ... of documents [0, n / num_domains), ...
inline TokenManifest SmallManifest(const IndexedDataset& dataset, uint32_t num_domains, int64_t eod) {
  TokenManifest manifest;
  manifest.tokenizer_digest = Sha256("tokenizer");
  manifest.vocab_size = 1u << 20;
  manifest.eod_token = eod;
  manifest.num_documents = dataset.num_documents();
  manifest.num_tokens = dataset.num_tokens();
  uint64_t left = dataset.num_documents();
  for (uint32_t d = 0; d < num_domains; ++d) {
    manifest.domains.push_back("d" + std::to_string(d));
    const uint64_t run = left / (num_domains - d);
    manifest.domain_runs.push_back({d, run});
    left -= run;
  }
  return manifest;
}

}  // namespace grouter

#endif  // GROUTER_TESTS_DATA_SMALL_DATASET_H_
