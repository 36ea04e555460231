#include "tools/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReportPageTest, EverythingIsInsideTheFile) {
  const std::string page = ReportPage("{}");
  EXPECT_THAT(page, HasSubstr("var d3={version"));
  EXPECT_THAT(page, Not(HasSubstr("<script src")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(ReportPageTest, TextInTheDataCannotEndTheDataElement) {
  EXPECT_THAT(ReportPage("{\"a\":\"</script><script>alert(1)\"}"),
              HasSubstr("{\"a\":\"\\u003c/script>\\u003cscript>alert(1)\"}"));
}

}  // namespace
}  // namespace grouter
