// Collectives: what the ranks of a group do together. Implementations: in-process (ranks are threads, the
// oracle), Gloo (processes on CPUs) and NCCL (built with --config=cuda). All pass one conformance suite.
#ifndef GROUTER_TRAINER_COLLECTIVES_COLLECTIVES_H_
#define GROUTER_TRAINER_COLLECTIVES_COLLECTIVES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace grouter {

// What an exchange carries: for counting and for the timeline; it changes nothing else.
enum class ExchangeKind : uint8_t {
  kRows = 0,     // dispatch and combine
  kCounts = 1,   // row counts that were not known before: what a plan makes unnecessary
  kExperts = 2,  // weights, gradients or moments of experts
};

// Where a buffer lies. Groups of CPUs know one memory and treat both alike. In a group of devices (NCCL), a
// call with a device's memory is queued behind what the rank's current stream holds, and the stream's later
// work comes after it: neither the call nor Wait blocks, and a rank that is gone shows when the stream is
// waited for. A call with host memory blocks until it is done.
enum class MemoryKind : uint8_t { kHost = 0, kDevice = 1 };

// Rows to and from every rank of the group. Rows for rank 0 lie first, then rank 1, ...; the same for what
// is received. Both sides must agree on the number of rows, which nobody exchanges.
struct RowExchange {
  ExchangeKind kind = ExchangeKind::kRows;
  uint64_t row_bytes = 0;
  const void* send = nullptr;
  absl::Span<const uint32_t> send_rows;  // [size]
  void* recv = nullptr;
  absl::Span<const uint32_t> recv_rows;   // [size]
  MemoryKind memory = MemoryKind::kHost;  // of send and recv
};

// One asynchronous exchange. Its buffers must live, and `send` stay unchanged, until Wait has returned.
class Work {
 public:
  virtual ~Work() = default;
  // Blocks until the rows are there. DEADLINE_EXCEEDED past the group's timeout, UNAVAILABLE when a rank is
  // gone, INVALID_ARGUMENT when a peer sent another number of rows than expected. Call once.
  virtual absl::Status Wait() = 0;
};

// One group of ranks as one of them sees it. One thread calls (the rank's); works complete on others. All
// ranks of the group make the same calls in the same order. After an error the group is of no more use.
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t size() const = 0;

  // Starts an exchange; several may be in flight.
  virtual absl::StatusOr<std::unique_ptr<Work>> StartAllToAll(const RowExchange& exchange) = 0;
  // Element-wise sums over all ranks, the same bits on each.
  virtual absl::Status AllReduceSum(absl::Span<float> values, MemoryKind memory = MemoryKind::kHost) = 0;
  virtual absl::Status AllReduceSum(absl::Span<double> values, MemoryKind memory = MemoryKind::kHost) = 0;
  // `bytes` of rank `root` on all ranks.
  virtual absl::Status Broadcast(absl::Span<uint8_t> bytes, uint32_t root) = 0;
  virtual absl::Status Barrier() = 0;
  // A group of its own for some ranks (ascending, this rank among them). Exactly these ranks call, with the
  // same `name`, which no other group of the run has.
  virtual absl::StatusOr<std::unique_ptr<Collectives>> Subgroup(absl::Span<const uint32_t> ranks,
                                                                const std::string& name) = 0;

  // StartAllToAll and Wait.
  absl::Status AllToAll(const RowExchange& exchange);
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_COLLECTIVES_H_
