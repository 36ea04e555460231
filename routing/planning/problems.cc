#include "routing/planning/problems.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

void Problems::Add(absl::string_view what, absl::string_view fix) {
  found_.push_back(fix.empty() ? std::string(what) : absl::StrCat(what, "; ", fix));
}

void Problems::Add(const absl::Status& status) {
  if (!status.ok()) found_.push_back(std::string(status.message()));
}

absl::Status Problems::ToStatus(absl::StatusCode code, absl::string_view where) const {
  if (found_.empty()) return absl::OkStatus();
  if (found_.size() == 1) return Error(code, found_[0], where);
  std::string text = absl::StrCat(found_.size(), " problems:");
  for (size_t i = 0; i < found_.size(); ++i) absl::StrAppend(&text, " [", i + 1, "] ", found_[i], ".");
  return Error(code, text, where);
}

}  // namespace grouter
