#include "routing/planning/batch/planner_rules.h"

#include "io/error.h"

namespace grouter {

PlannerRules PlannerRulesOf(uint32_t planner_version) {
  switch (planner_version) {
    case 1:
      return PlannerRules{3};
    case 2:
      return PlannerRules{6};
  }
  GROUTER_CHECK(false);
}

}  // namespace grouter
