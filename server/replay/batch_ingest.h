// One rollout batch on its way in: messages become samples of a routing table.
#ifndef GROUTER_SERVER_REPLAY_BATCH_INGEST_H_
#define GROUTER_SERVER_REPLAY_BATCH_INGEST_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grouter/v1/replay_service.pb.h"
#include "io/file.h"
#include "routing/table/builder.h"
#include "routing/table/exchange/route_source.h"
#include "routing/table/route_buffer.h"
#include "server/replay/replay_store.h"

namespace grouter {

// Memory of one sample's routes, the largest that is taken.
inline constexpr uint64_t kMaxReplaySampleBytes = uint64_t{1} << 30;

// One thread at a time. Memory is one sample's routes and the table builder's batches. After an error it is
// spent; destroyed before Seal it leaves nothing.
class BatchIngest {
 public:
  // INVALID_ARGUMENT with field violations; the store's errors. `store` and `files` outlive this.
  static absl::StatusOr<std::unique_ptr<BatchIngest>> Begin(const v1::IngestOpen& open, ReplayStore* store,
                                                            FileSystem& files);

  // Samples in order, the tokens of one in order. INVALID_ARGUMENT naming sample and token.
  absl::Status Add(const v1::CapturedRoutes& routes);
  // FAILED_PRECONDITION when no routes of the last samples came; ALREADY_EXISTS.
  absl::StatusOr<SealOutcome> Seal();

 private:
  BatchIngest(const v1::ReplayShape& shape, const TableHeader& header, FileSystem& files);
  absl::Status FinishSample();

  FileSystem& files_;
  const v1::CapturedIds ids_type_;
  const std::vector<uint32_t> lengths_;
  const uint32_t k_;
  const bool has_weights_;
  const TokenIds token_ids_;
  ReplayStore* store_ = nullptr;
  std::unique_ptr<ReplayStore::Claim> claim_;  // outlives the builder that writes into its folder
  std::unique_ptr<TableBuilder> builder_;
  std::vector<RouteBuffer> buffers_;  // [layer groups], of sample_
  uint64_t sample_ = 0;               // the one being filled
  uint32_t next_token_ = 0;           // all before are set
  bool touched_ = false;              // a message for sample_ came
};

// What people see of a sealed batch. `table` adds its shape; may be null.
v1::ReplayBatch DescribeBatch(const SealedBatch& batch, const RoutingTable* table, int64_t now_unix_ms);

}  // namespace grouter

#endif  // GROUTER_SERVER_REPLAY_BATCH_INGEST_H_
