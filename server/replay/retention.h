// Which sealed batches stay: the newest of each series, within a byte quota, and whatever is in use. Pure.
#ifndef GROUTER_SERVER_REPLAY_RETENTION_H_
#define GROUTER_SERVER_REPLAY_RETENTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace grouter {

// A rollout batch's name. Ordered by series, then batch.
struct ReplayKey {
  std::string series;
  uint64_t batch = 0;
  friend bool operator<(const ReplayKey& a, const ReplayKey& b) {
    return a.series != b.series ? a.series < b.series : a.batch < b.batch;
  }
  friend bool operator==(const ReplayKey& a, const ReplayKey& b) {
    return a.series == b.series && a.batch == b.batch;
  }
};

// INVALID_ARGUMENT unless 1 to 64 of A-Z a-z 0-9 _ - . without a leading dot: the name is a folder's, too.
absl::Status CheckSeriesName(const std::string& series);

struct ReplayQuota {
  uint64_t max_bytes = uint64_t{64} << 30;  // of all batches together
  uint32_t batches_per_series = 16;         // the newest by number
};

struct KeptBatch {
  ReplayKey key;
  uint64_t bytes = 0;
  int64_t sealed_unix_ms = 0;
  bool in_use = false;
};

// The batches to remove so that `incoming` with `incoming_bytes` fits; `open_bytes` are promised to batches
// that are being written. First what its series has too many of, lowest numbers first; then, while the quota
// is exceeded, the longest sealed (ties by key). Batches in use stay. RESOURCE_EXHAUSTED when that is not
// enough, or when `incoming` is older than all that its series may keep.
absl::StatusOr<std::vector<ReplayKey>> ChooseEvictions(absl::Span<const KeptBatch> kept,
                                                       const ReplayQuota& quota, const ReplayKey& incoming,
                                                       uint64_t incoming_bytes, uint64_t open_bytes);

}  // namespace grouter

#endif  // GROUTER_SERVER_REPLAY_RETENTION_H_
