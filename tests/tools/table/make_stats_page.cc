// The page of made-up statistics, for the browser test: make_stats_page > page.html
#include <iostream>

#include "tools/table/stats_page.h"

int main() {
  constexpr uint32_t kGroups = 5, kExperts = 24;
  grouter::TableReport report;
  report.path = "made_up</script><b>not markup</b>";
  report.num_experts = kExperts;
  report.k = 2;
  report.num_layer_groups = kGroups;
  report.num_ranks = 4;
  report.splits = {{"train", 0, 3, 3000, 2997}};
  for (uint32_t g = 0; g < kGroups; ++g) {
    grouter::LayerGroupReport group;
    group.layer_group = g;
    for (uint32_t e = 0; e < kExperts; ++e) group.load.push_back(e == 7 ? 0 : 50 + 40 * ((e * (g + 3)) % 9));
    group.coactivation.assign(kExperts, std::vector<double>(kExperts));
    for (uint32_t a = 0; a < kExperts; ++a) {
      for (uint32_t b = 0; b < kExperts; ++b)
        group.coactivation[a][b] = a == b ? 0 : 0.001 * ((a * b + g) % 11);
    }
    report.layer_groups.push_back(group);
  }
  std::cout << grouter::StatsPage(report);
  return 0;
}
