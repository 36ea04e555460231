#include "server/registry/checked_table.h"

#include <cstdio>

#include "gtest/gtest.h"
#include "io/file.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

TEST(CheckedTableTest, RoutesOfAWholeTableAreItsOwn) {
  const testing::ServedJob job = testing::MakeServedJob();
  int damages = 0;
  const auto checked = MakeCheckedTable(job.tables[0], [&](const absl::Status&) { ++damages; });
  EXPECT_EQ(checked->content_digest(), job.tables[0]->content_digest());
  EXPECT_EQ(checked->num_tokens(), job.tables[0]->num_tokens());
  for (uint64_t sample = 0; sample < checked->num_samples(); ++sample) {
    EXPECT_EQ(checked->Routes(sample, 1)->ids, job.tables[0]->Routes(sample, 1)->ids);
  }
  EXPECT_EQ(damages, 0);
}

TEST(CheckedTableTest, ADamagedBlockIsDataLossAndTold) {
  const testing::ServedJob job = testing::MakeServedJob();
  const absl::string_view ids = job.tables[0]->Routes(0, 0)->ids;
  const std::string before(ids.substr(0, 16));
  // Overwrites the routes where they lie in the file: the mapping shows it.
  const auto names = *FileSystem::Local().List(job.table_path);
  for (const std::string& name : names) {
    if (name == "MANIFEST") continue;
    const std::string path = JoinPath(job.table_path, name);
    const std::string bytes = *FileSystem::Local().ReadFile(path);
    const size_t at = bytes.find(std::string(ids));
    if (at == std::string::npos) continue;
    FILE* const file = fopen(path.c_str(), "r+");
    fseek(file, static_cast<long>(at), SEEK_SET);
    for (int i = 0; i < 16; ++i) fputc(before[i] ^ 1, file);
    fclose(file);
  }
  absl::Status told;
  const auto checked = MakeCheckedTable(job.tables[0], [&](const absl::Status& status) { told = status; });
  const absl::Status damaged = checked->Routes(0, 0).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(damaged.message()).find(job.root), std::string::npos);
  EXPECT_NE(std::string(damaged.message()).find(checked->content_digest().ShortHex()), std::string::npos);
  EXPECT_EQ(told.code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace grouter
