#include "tools/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace grouter {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() : folder_(testing::TempDir() + "/report") {
    fs::remove_all(folder_);
    for (const char* name : {"a", "b", "results"}) fs::create_directories(folder_ + "/" + name);
    inputs_ = {"title", "subtitle", folder_ + "/a", folder_ + "/b", folder_ + "/results"};
    for (const char* run : {"a", "b"}) {
      Write(std::string(run) + "/metrics.jsonl",
            "{\"step\":0,\"tokens\":10,\"train_loss\":9}\n{\"step\":0,\"tokens\":10,\"valid_loss\":8}\n");
    }
    Write("results/stats.json", R"({"layer_groups":[{"load":[10,20]},{"load":[30,20]}]})");
    Write("results/place.json",
          R"({"traffic":{"unit":"rows","steps":4,"before":[[1,9],[7,1]],"after":[[8,2],[2,6]]}})");
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string folder_;
  ReportInputs inputs_;
};

TEST_F(ReportTest, HoldsBothCurvesTheLoadAndTheTraffic) {
  const auto page = MakeReport(inputs_);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, HasSubstr("\"points\":[[10,8.0]]"));
  EXPECT_THAT(*page, HasSubstr("\"values\":[40,40]"));
  EXPECT_THAT(*page, HasSubstr("Between ranks: 16 before, 4 as placed (-75.0 %)"));
}

TEST_F(ReportTest, AMissingRunIsNamed) {
  inputs_.learned_run = folder_ + "/none";
  const auto page = MakeReport(inputs_);
  EXPECT_EQ(page.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(page.status().message()), HasSubstr("none/metrics.jsonl"));
}

TEST_F(ReportTest, ABrokenResultIsAnErrorAndAnEmptyOneIsLeftOut) {
  Write("results/empty.json", "");
  EXPECT_TRUE(MakeReport(inputs_).ok());
  Write("results/stats.json", "{}");
  EXPECT_EQ(MakeReport(inputs_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ReportTest, RunsWithoutResultsStillMakeAPage) {
  inputs_.results = "";
  EXPECT_TRUE(MakeReport(inputs_).ok());
}

}  // namespace
}  // namespace grouter
