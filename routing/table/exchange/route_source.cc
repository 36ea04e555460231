#include "routing/table/exchange/route_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

absl::Status TokenIds::Put(const int64_t* ids, uint32_t k, uint32_t token, RouteBuffer* out) const {
  uint32_t used = 0;
  while (used < k && !IsMarked(ids[used])) ++used;
  for (uint32_t i = used; i < k; ++i) {
    if (!IsMarked(ids[i])) {
      return Error(absl::StatusCode::kInvalidArgument, "a marked id lies before a valid one",
                   absl::StrCat("token ", token), "give the markers of this format");
    }
  }
  const bool default_fill =
      markers_.all_equal && k > 1 && std::all_of(ids, ids + k, [&](int64_t id) { return id == ids[0]; });
  const bool no_experts = per_token_k_ && used == 0 && k > 0 && ids[0] == kUnusedSlot;
  if ((used == 0 && k > 0 && !no_experts) || default_fill) {
    out->SetMissing(token);
    return absl::OkStatus();
  }
  if (used < k) {
    if (!per_token_k_) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("only ", used, " of ", k, " ids are valid"), absl::StrCat("token ", token),
                   "import with per-token k, or correct the markers");
    }
    out->SetNumTopk(token, used);
  }
  for (uint32_t i = 0; i < used; ++i) {
    if (ids[i] < 0 || ids[i] >= num_experts_) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("expert id ", ids[i], " is not below ", num_experts_),
                   absl::StrCat("token ", token),
                   "give the number of experts, or the marker of missing routes");
    }
    out->SetId(token, i, static_cast<uint32_t>(ids[i]));
  }
  return absl::OkStatus();
}

}  // namespace grouter
