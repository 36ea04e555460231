#include "tools/table/stats_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TableReport SmallReport() {
  TableReport report;
  report.path = "t";
  report.num_experts = 2;
  LayerGroupReport group;
  group.load = {7, 5};
  group.coactivation = {{0, 1.0 / 3}, {1.0 / 3, 0}};
  report.layer_groups = {group};
  return report;
}

TEST(StatsPage, EverythingIsInsideTheFile) {
  const std::string page = StatsPage(SmallReport());
  for (const char* outside : {"http://", "https://", "<script src", "<link", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(StatsPage, HoldsTheLoadAndTheRoundedMatrix) {
  const std::string page = StatsPage(SmallReport());
  EXPECT_THAT(page, HasSubstr("\"load\":[7,5]"));
  EXPECT_THAT(page, HasSubstr("\"coactivation\":[[0.0,0.333333],[0.333333,0.0]]"));
}

TEST(StatsPage, TextInTheDataCannotEndTheDataElement) {
  TableReport report = SmallReport();
  report.provenance = {"</script><script>alert(1)"};
  EXPECT_THAT(StatsPage(report), HasSubstr("\\u003c/script>\\u003cscript>alert(1)"));
}

}  // namespace
}  // namespace grouter
