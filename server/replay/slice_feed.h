// One slice of a batch on its way out: the request's samples, tokens and layer groups, as messages.
#ifndef GROUTER_SERVER_REPLAY_SLICE_FEED_H_
#define GROUTER_SERVER_REPLAY_SLICE_FEED_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "grouter/v1/replay_service.pb.h"
#include "routing/table/exchange/parallel_slice.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Bytes of planes that one message holds at most (a single token's are fewer).
inline constexpr uint64_t kMaxSliceMessageBytes = uint64_t{1} << 20;

// One thread at a time. Holds the table, which counts as in use until the feed is destroyed.
class SliceFeed {
 public:
  // INVALID_ARGUMENT with field violations, OUT_OF_RANGE for samples or layer groups past the end,
  // FAILED_PRECONDITION when the table is not the one that the request expects.
  static absl::StatusOr<std::unique_ptr<SliceFeed>> Create(const v1::GetSliceRequest& request,
                                                           std::shared_ptr<const RoutingTable> table);

  const v1::ReplaySliceHead& head() const { return head_; }
  // Replaces *message by the next one; false after the last. DATA_LOSS for a damaged table. Reads the table:
  // may wait for the disk.
  absl::StatusOr<bool> Next(v1::GetSliceResponse* message);

 private:
  SliceFeed() = default;
  // Moves to the next piece that has tokens; false past the last.
  bool Advance();
  void AddPiece(const RouteView& routes, const LocalPiece& piece, uint32_t layer_group,
                v1::GetSliceResponse* message) const;

  std::shared_ptr<const RoutingTable> table_;
  v1::ReplaySliceHead head_;
  std::vector<LocalTokens> tokens_;  // [samples of the slice]
  uint32_t first_group_ = 0, num_groups_ = 0;
  uint64_t token_bytes_ = 0;
  // What is sent next: tokens from `done_` on of that piece, of that layer group, of that sample.
  size_t sample_ = 0, piece_ = 0;
  uint32_t group_ = 0;
  uint32_t done_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REPLAY_SLICE_FEED_H_
