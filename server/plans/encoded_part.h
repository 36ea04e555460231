// One part of a rank's plan, encoded: what is cached and sent.
#ifndef GROUTER_SERVER_PLANS_ENCODED_PART_H_
#define GROUTER_SERVER_PLANS_ENCODED_PART_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "routing/planning/plan.h"

namespace grouter {

// Immutable once made. The planes are views into mapped tables, which payload.storage keeps alive.
struct EncodedPart {
  PlanPayload payload;
  uint64_t num_bytes = 0;
  // What the part costs a cache: owned bytes and bookkeeping, not the mapped planes.
  uint64_t owned_bytes() const {
    return payload.head.size() + payload.planes.size() * sizeof(absl::string_view) + 256;
  }
};

// Bytes [offset, offset + num_bytes) of the payload, as it lies in memory. REQUIRES: within the payload.
std::vector<absl::string_view> PiecesOf(const PlanPayload& payload, uint64_t offset, uint64_t num_bytes);

}  // namespace grouter

#endif  // GROUTER_SERVER_PLANS_ENCODED_PART_H_
