#include "tools/plan/job_files.h"

#include <gmock/gmock.h>

#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

TEST(JobFilesTest, EveryFileThatIsNotWhatItShouldBeIsNamed) {
  const std::string folder = FreshFolder();
  WriteText(folder + "/bad", "neither");
  EXPECT_THAT(std::string(ReadJobDraft(folder + "/bad").status().message()), HasSubstr(folder + "/bad"));
  EXPECT_THAT(std::string(ReadJobSpec(folder + "/bad").status().message()), HasSubstr(folder + "/bad"));
  EXPECT_THAT(std::string(ReadSchedule(folder + "/bad").status().message()), HasSubstr(folder + "/bad"));
  EXPECT_EQ(ReadJobSpec(folder + "/none").status().code(), absl::StatusCode::kNotFound);
}

TEST(JobFilesTest, TablesComeInTheDraftsOrderWhateverTheirOrderOnTheCommandLine) {
  const std::string folder = FreshFolder();
  JobDraft draft;
  for (const char* name : {"/a", "/b"}) {
    RandomTableOptions options;
    options.seed = static_cast<uint64_t>(name[1]);
    options.lengths = {4};
    TableUse use;
    use.table = MakeRandomTable(options, folder + name)->content_digest();
    draft.tables.push_back(use);
  }
  const auto tables = OpenTables(draft, {folder + "/b", folder + "/a"});
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ((*tables)[0]->path(), folder + "/a");
  EXPECT_EQ((*tables)[1]->path(), folder + "/b");
  EXPECT_EQ(OpenTables(draft, {folder + "/b"}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
