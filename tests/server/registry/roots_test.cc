#include "server/registry/roots.h"

#include <unistd.h>

#include "gtest/gtest.h"
#include "routing/table/manifest.h"
#include "tests/testing/serving/served_job.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TEST(RootsTest, FindsTablesAndSchedulesByDigest) {
  const testing::ServedJob job = testing::MakeServedJob();
  const RootContents found = ScanRoots({job.root}, FileSystem::Local());
  ASSERT_EQ(found.tables.size(), 1u);
  EXPECT_EQ(found.tables.begin()->first, job.tables[0]->content_digest());
  EXPECT_EQ(found.tables.begin()->second.relative, "tables/train");
  ASSERT_EQ(found.schedules.count(job.spec.schedule), 1u);
  EXPECT_EQ(found.schedules.at(job.spec.schedule).relative, "train.schedule");
}

TEST(RootsTest, LeavesOutDamagedHiddenAndLinkedArtefacts) {
  const testing::ServedJob job = testing::MakeServedJob();
  const std::string root = testing::NewFolder();
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(files.MakeFolders(root + "/broken").ok());
  ASSERT_TRUE(WriteFileAtomically(files, root + "/broken/MANIFEST", "nothing of the kind").ok());
  ASSERT_TRUE(WriteFileAtomically(files, root + "/broken.schedule", "nor this").ok());
  ASSERT_EQ(symlink(job.table_path.c_str(), (root + "/link").c_str()), 0);
  ASSERT_TRUE(files.MakeFolders(root + "/.hidden").ok());
  ASSERT_TRUE(WriteFileAtomically(files, root + "/.hidden/x.schedule", job.schedule->Encode()).ok());
  const RootContents found = ScanRoots({root}, files);
  EXPECT_TRUE(found.tables.empty());
  EXPECT_TRUE(found.schedules.empty());
}

TEST(RootsTest, OfTwoTiersOfOneTableThePlainOneServes) {
  const testing::ServedJob job = testing::MakeServedJob();
  FileSystem& files = FileSystem::Local();
  auto manifest = DecodeManifest(*files.ReadFile(job.table_path + "/MANIFEST"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  manifest->tier = TableTier::kPacked;
  for (const char* name : {"/a", "/zz"}) {  // before and after tables/train
    ASSERT_TRUE(files.MakeFolders(job.root + name).ok());
    ASSERT_TRUE(WriteFileAtomically(files, job.root + name + "/MANIFEST", EncodeManifest(*manifest)).ok());
  }
  const RootContents found = ScanRoots({job.root}, files);
  ASSERT_EQ(found.tables.size(), 1u);
  EXPECT_EQ(found.tables.begin()->second.relative, "tables/train");
  EXPECT_FALSE(found.tables.begin()->second.packed);
}

TEST(RootsTest, ARootThatIsNotThereIsEmpty) {
  EXPECT_TRUE(ScanRoots({"/nowhere/at/all"}, FileSystem::Local()).tables.empty());
}

}  // namespace
}  // namespace grouter
