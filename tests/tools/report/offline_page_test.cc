#include "tools/report/offline_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(OfflinePageTest, EverythingIsInsideTheFile) {
  const std::string page = OfflinePage("A page", "<body></body>", "go();", "{}");
  EXPECT_THAT(page, HasSubstr("var d3={version"));
  EXPECT_THAT(page, HasSubstr("var draw ="));
  EXPECT_THAT(page, HasSubstr("go();"));
  EXPECT_THAT(page, Not(HasSubstr("<script src")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(OfflinePageTest, TextInTitleAndDataStaysText) {
  const std::string page = OfflinePage("a < b & c", "", "", "{\"a\":\"</script><script>alert(1)\"}");
  EXPECT_THAT(page, HasSubstr("<title>a &lt; b &amp; c</title>"));
  EXPECT_THAT(page, HasSubstr("{\"a\":\"\\u003c/script>\\u003cscript>alert(1)\"}"));
}

}  // namespace
}  // namespace grouter
