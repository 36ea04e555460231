#include "data/sample_tokens.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/digest.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr char kWrongDataset[] = "give the dataset that the sample index was made from";

bool Continues(const TokenRange& before, const TokenRange& after) {
  return after.document == before.document && after.offset == before.offset + before.length;
}

absl::Status ReadRange(const IndexedDataset& dataset, const TokenRange& range, absl::Span<uint32_t> ids) {
  if (range.document >= dataset.num_documents()) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("document ", range.document, " of ", dataset.num_documents()), dataset.prefix(),
                 kWrongDataset);
  }
  return dataset.ReadDocument(range.document, range.offset, ids);
}

void SetPositions(bool cross_document, SampleTokens* out) {
  std::iota(out->positions.begin(), out->positions.end(), 0u);
  if (cross_document) return;
  for (size_t d = 0; d < out->document_starts.size(); ++d) {
    const auto begin = out->positions.begin() + out->document_starts[d];
    const bool last = d + 1 == out->document_starts.size();
    const auto end = last ? out->positions.end() : out->positions.begin() + out->document_starts[d + 1];
    std::iota(begin, end, 0u);
  }
}

}  // namespace

uint32_t SampleTokens::num_loss_tokens() const {
  return static_cast<uint32_t>(std::count(loss_mask.begin(), loss_mask.end(), uint8_t{1}));
}

uint32_t SampleTokens::token_crc32c() const {
  return Crc32c(tokens.data(), tokens.size() * sizeof(uint32_t));
}

absl::Status ReadRanges(const IndexedDataset& dataset, const SampleIndexRules& rules,
                        absl::Span<const TokenRange> ranges, const absl::optional<TokenRange>& label_after,
                        SampleTokens* out) {
  uint64_t length = 0;
  for (const TokenRange& range : ranges) length += range.length;
  out->tokens.resize(length);
  out->labels.assign(length, 0);
  out->loss_mask.assign(length, 0);
  out->positions.resize(length);
  out->document_starts.clear();
  if (length == 0) return absl::OkStatus();

  std::vector<uint8_t> starts(length + 1, 0);  // [length]: whether the label after begins a document
  uint64_t at = 0;
  const TokenRange* previous = nullptr;
  for (const TokenRange& range : ranges) {
    GROUTER_RETURN_IF_ERROR(ReadRange(dataset, range, absl::MakeSpan(out->tokens).subspan(at, range.length)));
    if (previous == nullptr || !Continues(*previous, range)) starts[at] = 1;
    previous = &range;
    at += range.length;
  }
  for (uint64_t i = 0; i < length; ++i) {
    if (rules.eod_token >= 0 && out->tokens[i] == static_cast<uint64_t>(rules.eod_token)) starts[i + 1] = 1;
  }
  std::copy(out->tokens.begin() + 1, out->tokens.end(), out->labels.begin());
  const auto counts = [&](uint64_t i) { return rules.loss_across_documents || starts[i + 1] == 0; };
  for (uint64_t i = 0; i + 1 < length; ++i) out->loss_mask[i] = counts(i) ? 1 : 0;
  if (label_after.has_value()) {
    GROUTER_RETURN_IF_ERROR(ReadRange(dataset, *label_after, absl::MakeSpan(&out->labels.back(), 1)));
    if (!Continues(*previous, *label_after)) starts[length] = 1;
    out->loss_mask.back() = counts(length - 1) ? 1 : 0;
  }
  for (uint64_t i = 0; i < length; ++i) {
    if (starts[i] != 0) out->document_starts.push_back(static_cast<uint32_t>(i));
  }
  SetPositions(rules.cross_document, out);
  return absl::OkStatus();
}

absl::Status ReadSampleTokens(const IndexedDataset& dataset, const SampleIndex& index, uint64_t sample,
                              SampleTokens* out) {
  if (index.rules().packing == SampleIndexRules::Packing::kFromLengths) {
    return Error(absl::StatusCode::kFailedPrecondition, "a sample index made from lengths knows no tokens",
                 absl::StrCat("sample ", sample), "make the index from a .bin/.idx dataset");
  }
  const Sample entry = index.sample(sample);
  const absl::Status read = ReadRanges(dataset, index.rules(), entry.ranges, entry.label_after, out);
  GROUTER_RETURN_IF_ERROR(Annotate(read, absl::StrCat("sample ", sample)));
  if (index.token_crcs_known() && out->token_crc32c() != entry.token_crc32c) {
    return Error(
        absl::StatusCode::kDataLoss,
        absl::StrCat("the tokens of sample ", sample, " are not those that the sample index was made from"),
        dataset.prefix(), kWrongDataset);
  }
  return absl::OkStatus();
}

}  // namespace grouter
