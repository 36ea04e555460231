#include "tools/report/number_rows.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(NumberRowsTest, ShowsFieldsInTheirUnitsAndLeavesOutWhatIsMissing) {
  const nlohmann::json tokenize = {{"tokens", 1234567}};
  const nlohmann::json distill = {{"valid_kl", 0.123456}, {"recall", 0.5}, {"static_recall", "none"}};
  const auto rows = NumberRows([&](const std::string& step) -> const nlohmann::json* {
    return step == "tokenize" ? &tokenize : step == "distill" ? &distill : nullptr;
  });
  ASSERT_EQ(rows.size(), 3);
  EXPECT_EQ(rows[0].group, "Corpus");
  EXPECT_EQ(rows[0].value, "1,234,567");
  EXPECT_EQ(rows[1].value, "0.1235");
  EXPECT_EQ(rows[2].value, "50.0 %");
}

}  // namespace
}  // namespace grouter
