#include "server/plans/encoded_part.h"

#include <algorithm>

#include "io/error.h"

namespace grouter {

std::vector<absl::string_view> PiecesOf(const PlanPayload& payload, uint64_t offset, uint64_t num_bytes) {
  std::vector<absl::string_view> pieces;
  const auto take = [&](absl::string_view run) {
    if (offset >= run.size()) {
      offset -= run.size();
      return;
    }
    const uint64_t taken = std::min<uint64_t>(run.size() - offset, num_bytes);
    if (taken > 0) pieces.push_back(run.substr(offset, taken));
    num_bytes -= taken;
    offset = 0;
  };
  take(payload.head);
  for (const absl::string_view plane : payload.planes) {
    if (num_bytes == 0) break;
    take(plane);
  }
  GROUTER_CHECK(num_bytes == 0);
  return pieces;
}

}  // namespace grouter
