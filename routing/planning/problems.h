// Collects everything that is wrong with a value, so that a person sees all problems at once, a fix each.
#ifndef GROUTER_ROUTING_PLANNING_PROBLEMS_H_
#define GROUTER_ROUTING_PLANNING_PROBLEMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grouter {

// A list of findings. One thread at a time.
class Problems {
 public:
  // `what` names the field and its value, `fix` is an imperative sentence.
  void Add(absl::string_view what, absl::string_view fix);
  // Adds the message of a status that is not OK.
  void Add(const absl::Status& status);
  bool empty() const { return found_.empty(); }
  size_t size() const { return found_.size(); }
  // OK when nothing was added, else one status that lists all of them, numbered when there are several.
  absl::Status ToStatus(absl::StatusCode code, absl::string_view where) const;

 private:
  std::vector<std::string> found_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PROBLEMS_H_
