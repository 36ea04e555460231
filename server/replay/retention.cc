#include "server/replay/retention.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr size_t kMaxSeriesName = 64;

}  // namespace

absl::Status CheckSeriesName(const std::string& series) {
  bool fits = !series.empty() && series.size() <= kMaxSeriesName && series.front() != '.';
  for (const char c : series) fits = fits && (absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.');
  if (fits) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument,
               "must be 1 to 64 of A-Z a-z 0-9 _ - . without a leading dot", "series");
}

absl::StatusOr<std::vector<ReplayKey>> ChooseEvictions(absl::Span<const KeptBatch> kept,
                                                       const ReplayQuota& quota, const ReplayKey& incoming,
                                                       uint64_t incoming_bytes, uint64_t open_bytes) {
  std::vector<const KeptBatch*> rest;
  std::vector<const KeptBatch*> of_series;
  uint64_t bytes = incoming_bytes + open_bytes;
  for (const KeptBatch& batch : kept) {
    bytes += batch.bytes;
    (batch.key.series == incoming.series ? of_series : rest).push_back(&batch);
  }
  std::sort(of_series.begin(), of_series.end(), [](auto* a, auto* b) { return a->key < b->key; });

  std::vector<ReplayKey> evicted;
  const auto evict = [&](const KeptBatch& batch) {
    bytes -= batch.bytes;
    evicted.push_back(batch.key);
  };
  size_t excess =
      of_series.size() + 1 > quota.batches_per_series ? of_series.size() + 1 - quota.batches_per_series : 0;
  for (const KeptBatch* batch : of_series) {
    if (excess > 0 && incoming.batch < batch->key.batch) {
      return Error(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("the series keeps ", quota.batches_per_series, " batches, all newer than ",
                                incoming.batch),
                   incoming.series, "Ingest newer batches, or raise replay.batches_per_series.");
    }
    if (excess > 0 && !batch->in_use) {
      evict(*batch);
      --excess;
    } else {
      rest.push_back(batch);
    }
  }
  std::sort(rest.begin(), rest.end(), [](auto* a, auto* b) {
    return a->sealed_unix_ms != b->sealed_unix_ms ? a->sealed_unix_ms < b->sealed_unix_ms : a->key < b->key;
  });
  for (const KeptBatch* batch : rest) {
    if (bytes <= quota.max_bytes) break;
    if (!batch->in_use) evict(*batch);
  }
  if (bytes > quota.max_bytes) {
    return Error(absl::StatusCode::kResourceExhausted,
                 absl::StrCat("the batch and what is in use take ", bytes, " bytes of ", quota.max_bytes),
                 incoming.series, "Drop batches that are in use, or raise replay.max_bytes.");
  }
  return evicted;
}

}  // namespace grouter
