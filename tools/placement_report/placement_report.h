// `grouter plan report`: one page that shows what a placement and its plans do.
#ifndef GROUTER_TOOLS_PLACEMENT_REPORT_PLACEMENT_REPORT_H_
#define GROUTER_TOOLS_PLACEMENT_REPORT_PLACEMENT_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"
#include "tools/plan/explanation.h"

namespace grouter {

// At most so many bins a side show the co-activation matrix; neighbours share a bin where experts are more.
inline constexpr uint32_t kMostBins = 128;

// Co-activations of experts in the order of `position` ([experts], a permutation), summed in bins. Symmetric;
// the diagonal is left out where a bin is one expert.
std::vector<std::vector<uint64_t>> BinPairs(const std::vector<CoactivationPair>& pairs,
                                            const std::vector<uint32_t>& position);

// Share of co-activations whose two experts have a rank in common.
double ShareOnOneRank(const std::vector<CoactivationPair>& pairs, const LayerPlacement& layer);

struct PlacementReportInputs {
  std::string title = "Grouter: what the placement does";
  const JobSpec* spec = nullptr;
  const Placement* placement = nullptr;              // in force at the explained steps
  uint32_t layer_group = 0;                          // whose co-activation and slots are shown
  const LayerGroupStatistics* statistics = nullptr;  // of that layer group
  const Explanation* explanation = nullptr;
};

// The page. REQUIRES: every pointer is set; the layer group exists.
std::string PlacementReportPage(const PlacementReportInputs& inputs);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLACEMENT_REPORT_PLACEMENT_REPORT_H_
