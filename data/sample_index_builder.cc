#include "data/sample_index_builder.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data/sample_index_format.h"
#include "data/sample_tokens.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

enum Purpose : uint64_t { kSplitOrder = 1, kPackOrder = 2 };

absl::Status BadOption(absl::string_view what, absl::string_view where, absl::string_view fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, fix);
}

absl::Status CheckOptions(const IndexedDataset& dataset, const TokenManifest* manifest,
                          const SampleIndexOptions& options) {
  using Packing = SampleIndexRules::Packing;
  const SampleIndexRules& rules = options.rules;
  if (rules.sequence_length == 0)
    return BadOption("no sequence length", "sequence_length", "give 1 or more tokens");
  if (rules.packing != Packing::kPacked && rules.packing != Packing::kOneDocument) {
    return BadOption("an unknown packing rule", "packing", "choose packed or one document a sample");
  }
  if (options.splits.empty()) return BadOption("no data split", "splits", "name at least one");
  for (const SplitShare& split : options.splits) {
    const auto same = [&](const SplitShare& other) { return other.name == split.name; };
    if (split.name.empty() || split.share == 0 ||
        std::count_if(options.splits.begin(), options.splits.end(), same) > 1) {
      return BadOption("a data split without a name of its own or without a share", split.name,
                       "name each once, above 0");
    }
  }
  if (!IsIntegerType(dataset.type())) {
    return BadOption("a dataset of floats has no token ids", dataset.prefix(), "give a dataset of ids");
  }
  if (dataset.num_tokens() == 0)
    return BadOption("a dataset without tokens", dataset.prefix(), "tokenize some text first");
  if (manifest != nullptr && (manifest->num_documents != dataset.num_documents() ||
                              manifest->domains.empty() || manifest->num_tokens != dataset.num_tokens())) {
    return BadOption("the manifest is of another dataset", dataset.prefix(),
                     "tokenize again, or remove the .json");
  }
  return absl::OkStatus();
}

std::vector<uint32_t> DocumentDomains(const TokenManifest* manifest, uint64_t num_documents) {
  if (manifest == nullptr) return std::vector<uint32_t>(num_documents, 0);
  std::vector<uint32_t> domains;
  domains.reserve(num_documents);
  for (const DomainRun& run : manifest->domain_runs)
    domains.insert(domains.end(), run.num_documents, run.domain);
  return domains;
}

// Where a domain's line of tokens is cut: [split + 1] ascending, the last is the line's length.
// `borders` are the ends of its documents on that line.
std::vector<uint64_t> CutLine(absl::Span<const uint64_t> borders, absl::Span<const SplitShare> splits) {
  const uint64_t total = borders.empty() ? 0 : borders.back();
  uint64_t all_shares = 0;
  for (const SplitShare& split : splits) all_shares += split.share;
  const auto part = [&](uint64_t share) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(total) * share / all_shares);
  };
  std::vector<uint64_t> cuts = {0};
  uint64_t share = 0;
  for (size_t s = 0; s + 1 < splits.size(); ++s) {
    share += splits[s].share;
    const uint64_t ideal = part(share);
    const uint64_t slack = part(std::min(splits[s].share, splits[s + 1].share)) / 2;
    const auto above = std::lower_bound(borders.begin(), borders.end(), ideal);
    const uint64_t high = above == borders.end() ? total : *above;
    const uint64_t low = above == borders.begin() ? 0 : *(above - 1);
    const uint64_t nearest = ideal - low <= high - ideal ? low : high;
    const uint64_t distance = nearest > ideal ? nearest - ideal : ideal - nearest;
    const bool empties = nearest <= cuts.back() || nearest >= total;
    cuts.push_back(std::max(cuts.back(), distance <= slack && !empties ? nearest : ideal));
  }
  cuts.push_back(total);
  return cuts;
}

void SplitDomain(const std::vector<uint64_t>& documents, absl::Span<const uint64_t> lengths, uint32_t domain,
                 absl::Span<const SplitShare> splits, std::vector<std::vector<DocumentPiece>>* out) {
  std::vector<uint64_t> borders;
  uint64_t end = 0;
  for (const uint64_t document : documents) borders.push_back(end += lengths[document]);
  const std::vector<uint64_t> cuts = CutLine(borders, splits);
  for (size_t i = 0; i < documents.size(); ++i) {
    const uint64_t begin = borders[i] - lengths[documents[i]];
    for (size_t s = 0; s < splits.size(); ++s) {
      const uint64_t from = std::max(begin, cuts[s]), to = std::min(borders[i], cuts[s + 1]);
      if (from < to) (*out)[s].push_back({TokenRange{documents[i], from - begin, to - from}, domain});
    }
  }
}

// Collects samples with what their tokens say.
class SampleCollector {
 public:
  SampleCollector(const IndexedDataset& dataset, const SampleIndexRules& rules)
      : dataset_(dataset), rules_(rules) {}

  absl::Status Add(const std::vector<TokenRange>& ranges, uint32_t domain,
                   absl::optional<TokenRange> label_after) {
    GROUTER_RETURN_IF_ERROR(ReadRanges(dataset_, rules_, ranges, label_after, &tokens_));
    SampleRecord record;
    record.first_range = ranges_.size();
    record.num_ranges = static_cast<uint32_t>(ranges.size());
    record.length = static_cast<uint32_t>(tokens_.tokens.size());
    record.num_loss_tokens = tokens_.num_loss_tokens();
    record.domain = domain;
    record.token_crc32c = tokens_.token_crc32c();
    if (label_after.has_value()) {
      record.label_document = label_after->document;
      record.label_offset = label_after->offset;
    }
    records_.push_back(record);
    ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
    split_.num_tokens += record.length;
    split_.num_loss_tokens += record.num_loss_tokens;
    return absl::OkStatus();
  }

  // What was added since the last call is this split.
  DataSplit EndSplit(const std::string& name) {
    DataSplit done = split_;
    done.name = name;
    done.num_samples = records_.size() - done.first_sample;
    split_ = DataSplit();
    split_.first_sample = records_.size();
    return done;
  }

  const std::vector<SampleRecord>& records() const { return records_; }
  const std::vector<TokenRange>& ranges() const { return ranges_; }

 private:
  const IndexedDataset& dataset_;
  const SampleIndexRules& rules_;
  SampleTokens tokens_;
  std::vector<SampleRecord> records_;
  std::vector<TokenRange> ranges_;
  DataSplit split_;
};

uint32_t DomainOfMost(const std::map<uint32_t, uint64_t>& tokens_by_domain) {
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::max_element(tokens_by_domain.begin(), tokens_by_domain.end(), fewer)->first;
}

absl::Status PackEndToEnd(const std::vector<DocumentPiece>& pieces, uint32_t sequence_length,
                          SampleCollector* samples) {
  std::vector<TokenRange> ranges;
  std::map<uint32_t, uint64_t> tokens_by_domain;
  uint32_t length = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    TokenRange rest = pieces[i].range;
    while (rest.length > 0) {
      const uint64_t taken = std::min<uint64_t>(rest.length, sequence_length - length);
      ranges.push_back({rest.document, rest.offset, taken});
      tokens_by_domain[pieces[i].domain] += taken;
      length += static_cast<uint32_t>(taken);
      rest.offset += taken;
      rest.length -= taken;
      const bool at_end = rest.length == 0 && i + 1 == pieces.size();
      if (length < sequence_length && !at_end) continue;
      absl::optional<TokenRange> label;
      if (rest.length > 0) label = TokenRange{rest.document, rest.offset, 1};
      if (rest.length == 0 && !at_end)
        label = TokenRange{pieces[i + 1].range.document, pieces[i + 1].range.offset, 1};
      GROUTER_RETURN_IF_ERROR(samples->Add(ranges, DomainOfMost(tokens_by_domain), label));
      ranges.clear();
      tokens_by_domain.clear();
      length = 0;
    }
  }
  return absl::OkStatus();
}

absl::Status PackOneDocument(const std::vector<DocumentPiece>& pieces, uint32_t sequence_length,
                             SampleCollector* samples) {
  for (const DocumentPiece& piece : pieces) {
    TokenRange rest = piece.range;
    while (rest.length > 0) {
      const uint64_t taken = std::min<uint64_t>(rest.length, sequence_length);
      const std::vector<TokenRange> ranges = {{rest.document, rest.offset, taken}};
      rest.offset += taken;
      rest.length -= taken;
      absl::optional<TokenRange> label;
      if (rest.length > 0) label = TokenRange{rest.document, rest.offset, 1};
      GROUTER_RETURN_IF_ERROR(samples->Add(ranges, piece.domain, label));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::vector<DocumentPiece>> SplitDocuments(absl::Span<const uint64_t> lengths,
                                                       absl::Span<const uint32_t> domains,
                                                       uint32_t num_domains,
                                                       absl::Span<const SplitShare> splits, uint64_t seed) {
  GROUTER_CHECK(lengths.size() == domains.size());
  std::vector<std::vector<uint64_t>> by_domain(num_domains);
  for (uint64_t document = 0; document < lengths.size(); ++document) {
    GROUTER_CHECK(domains[document] < num_domains);
    if (lengths[document] > 0) by_domain[domains[document]].push_back(document);
  }
  std::vector<std::vector<DocumentPiece>> pieces(splits.size());
  for (uint32_t domain = 0; domain < num_domains; ++domain) {
    Random random(seed, Mix64(kSplitOrder) + domain);
    random.Shuffle(&by_domain[domain]);
    SplitDomain(by_domain[domain], lengths, domain, splits, &pieces);
  }
  for (size_t s = 0; s < splits.size(); ++s) {
    Random random(seed, Mix64(kPackOrder) + s);
    random.Shuffle(&pieces[s]);
  }
  return pieces;
}

absl::StatusOr<std::shared_ptr<const SampleIndex>> BuildSampleIndex(const IndexedDataset& dataset,
                                                                    const TokenManifest* manifest,
                                                                    const SampleIndexOptions& options) {
  GROUTER_RETURN_IF_ERROR(CheckOptions(dataset, manifest, options));
  SampleIndexHeader header;
  header.rules = options.rules;
  header.dataset_digest = dataset.ComputeDigest();
  header.domains = {"default"};
  if (manifest != nullptr) {
    header.domains = manifest->domains;
    header.tokenizer_digest = manifest->tokenizer_digest;
    if (header.rules.eod_token < 0) header.rules.eod_token = manifest->eod_token;
  }
  header.token_crcs_known = true;
  header.num_tokens = dataset.num_tokens();

  std::vector<uint64_t> lengths(dataset.num_documents());
  for (uint64_t i = 0; i < lengths.size(); ++i) lengths[i] = dataset.document_length(i);
  if (std::accumulate(lengths.begin(), lengths.end(), uint64_t{0}) != dataset.num_tokens()) {
    return BadOption("sequences that belong to no document", dataset.prefix(),
                     "end the last document when writing it");
  }
  const std::vector<uint32_t> domains = DocumentDomains(manifest, lengths.size());
  const auto pieces = SplitDocuments(lengths, domains, static_cast<uint32_t>(header.domains.size()),
                                     options.splits, options.rules.document_order_seed);

  SampleCollector samples(dataset, header.rules);
  uint64_t done = 0;
  for (size_t s = 0; s < pieces.size(); ++s) {
    const bool packed = header.rules.packing == SampleIndexRules::Packing::kPacked;
    GROUTER_RETURN_IF_ERROR(
        (packed ? PackEndToEnd : PackOneDocument)(pieces[s], header.rules.sequence_length, &samples));
    header.splits.push_back(samples.EndSplit(options.splits[s].name));
    done += header.splits.back().num_tokens;
    if (options.progress) options.progress(done, header.num_tokens);
  }
  return SampleIndexFromBytes(EncodeSampleIndex(header, samples.records(), samples.ranges()),
                              dataset.prefix());
}

}  // namespace grouter
