#include "data/sample_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data/sample_index_format.h"
#include "io/error.h"

namespace grouter {
namespace {

class SampleIndexOverBytes : public SampleIndex {
 public:
  // Exactly one of `file` and `memory` holds the bytes of `view`.
  SampleIndexOverBytes(SampleIndexView view, std::shared_ptr<const MappedFile> file,
                       std::unique_ptr<const std::string> memory)
      : view_(std::move(view)), file_(std::move(file)), memory_(std::move(memory)) {}

  const Digest& digest() const override { return view_.digest; }
  const Digest& tokenizer_digest() const override { return view_.header.tokenizer_digest; }
  const Digest& dataset_digest() const override { return view_.header.dataset_digest; }
  const SampleIndexRules& rules() const override { return view_.header.rules; }
  bool token_crcs_known() const override { return view_.header.token_crcs_known; }
  uint64_t num_samples() const override { return view_.records.size(); }
  uint64_t num_tokens() const override { return view_.header.num_tokens; }
  const std::vector<std::string>& domains() const override { return view_.header.domains; }
  const std::vector<DataSplit>& splits() const override { return view_.header.splits; }

  Sample sample(uint64_t sample) const override {
    GROUTER_CHECK(sample < num_samples());
    const SampleRecord& record = view_.records[sample];
    Sample out;
    out.length = record.length;
    out.num_loss_tokens = record.num_loss_tokens;
    out.domain = record.domain;
    out.token_crc32c = record.token_crc32c;
    out.ranges = view_.ranges.subspan(record.first_range, record.num_ranges);
    if (record.label_document != SampleRecord::kNoLabel) {
      out.label_after = TokenRange{record.label_document, record.label_offset, 1};
    }
    return out;
  }

  absl::Status Save(const std::string& path, FileSystem& files) const override {
    return WriteFileAtomically(files, path, memory_ != nullptr ? *memory_ : file_->bytes());
  }

 private:
  SampleIndexView view_;
  std::shared_ptr<const MappedFile> file_;
  std::unique_ptr<const std::string> memory_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const SampleIndex>> SampleIndexFromBytes(std::string bytes,
                                                                        absl::string_view where) {
  auto memory = std::make_unique<const std::string>(std::move(bytes));
  GROUTER_ASSIGN_OR_RETURN(SampleIndexView view, ParseSampleIndex(*memory, where));
  return std::shared_ptr<const SampleIndex>(
      std::make_shared<SampleIndexOverBytes>(std::move(view), nullptr, std::move(memory)));
}

absl::StatusOr<std::shared_ptr<const SampleIndex>> SampleIndex::Open(const std::string& path,
                                                                     FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, files.Map(path));
  GROUTER_ASSIGN_OR_RETURN(SampleIndexView view, ParseSampleIndex(file->bytes(), path));
  return std::shared_ptr<const SampleIndex>(
      std::make_shared<SampleIndexOverBytes>(std::move(view), std::move(file), nullptr));
}

absl::StatusOr<std::shared_ptr<const SampleIndex>> SampleIndex::FromLengths(
    absl::Span<const uint32_t> lengths, const std::vector<DataSplit>& splits) {
  SampleIndexHeader header;
  header.rules.packing = SampleIndexRules::Packing::kFromLengths;
  header.domains = {"default"};
  header.splits = splits;
  if (splits.empty()) header.splits = {DataSplit{"train", 0, lengths.size(), 0, 0}};
  std::vector<SampleRecord> records(lengths.size());
  std::vector<TokenRange> ranges;
  for (size_t i = 0; i < lengths.size(); ++i) {
    SampleRecord& record = records[i];
    record.first_range = ranges.size();
    record.num_ranges = lengths[i] > 0 ? 1 : 0;
    record.length = lengths[i];
    record.num_loss_tokens = std::max(lengths[i], 1u) - 1;
    if (lengths[i] > 0) ranges.push_back({i, 0, lengths[i]});
    header.num_tokens += lengths[i];
    header.rules.sequence_length = std::max(header.rules.sequence_length, lengths[i]);
  }
  uint64_t next = 0;
  for (DataSplit& split : header.splits) {
    split.num_tokens = split.num_loss_tokens = 0;
    if (split.first_sample != next || split.num_samples > records.size() - next) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("split \"", split.name, "\" does not follow the one before"),
                   absl::StrCat(lengths.size(), " samples"), "let the splits cover the samples in order");
    }
    for (; next < split.first_sample + split.num_samples; ++next) {
      split.num_tokens += records[next].length;
      split.num_loss_tokens += records[next].num_loss_tokens;
    }
  }
  absl::StatusOr<std::shared_ptr<const SampleIndex>> index =
      SampleIndexFromBytes(EncodeSampleIndex(header, records, ranges), "lengths");
  // The bytes are ours: a contradiction in them was in the arguments.
  if (!index.ok()) return absl::InvalidArgumentError(index.status().message());
  return index;
}

const DataSplit* SampleIndex::FindSplit(absl::string_view name) const {
  const std::vector<DataSplit>& all = splits();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const DataSplit& split) { return split.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace grouter
